/** A mesh with a shop in it, in which the tests of `status` make failures. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { until } from "../../../sandbox/until.ts";
import { authority } from "../../certificates.ts";
import { kubectl, operation, run, set, startSandbox, temporaryFolder, up } from "../../stack.ts";

export const inLinkerd = "--namespace=linkerd";
export const inShop = "--namespace=shop";

/** Installs the program on a new sandbox, and two meshed Deployments beside it; a leaf lives for 70 s. */
export async function startShop(): Promise<void> {
  await startSandbox("linkerd");
  await set("issuanceLifetime", "60s");
  await set("clockSkewAllowance", "10s");
  await up();
  await openShop();
}

/** Makes the two meshed Deployments, beside a mesh that is there. */
export async function openShop(): Promise<void> {
  const template = (name: string) => ({
    metadata: { labels: { app: name } },
    spec: { terminationGracePeriodSeconds: 1, containers: [{ name: "app", image: "example.com/app:1" }] },
  });
  await apply(
    {
      apiVersion: "v1",
      kind: "Namespace",
      metadata: { name: "shop", annotations: { "linkerd.io/inject": "enabled" } },
    },
    ...["web", "cart"].map((name) => ({
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { name, namespace: "shop" },
      spec: { replicas: 1, selector: { matchLabels: { app: name } }, template: template(name) },
    })),
  );
  await rolledOut();
  await soundAgain();
}

export async function apply(...items: object[]): Promise<void> {
  const file = join(temporaryFolder(), "objects.json");
  writeFileSync(file, JSON.stringify({ apiVersion: "v1", kind: "List", items }));
  await kubectl("apply", "--server-side", `--filename=${file}`);
}

interface Shown {
  readonly verdict: string;
  readonly problems: readonly { readonly rule: string; readonly field: string; readonly message: string }[];
  readonly lastReload?: { readonly reason: string; readonly message: string };
  readonly mesh: {
    readonly pods: number;
    readonly bundles: readonly {
      readonly state: string;
      readonly workloads: readonly { readonly name: string }[];
    }[];
    readonly leaves: readonly {
      readonly pod: string;
      readonly state: string;
      readonly generation?: number;
    }[];
  };
  readonly webhooks: readonly {
    readonly name: string;
    readonly served: readonly { readonly serialNumber?: string }[];
  }[];
}

/** What one call shows. */
export const shown = async (...options: string[]): Promise<Shown> =>
  JSON.parse((await operation("status", "--json", ...options)).stdout);

export const rulesOf = ({ problems }: Shown) => [...new Set(problems.map(({ rule }) => rule))].sort();

/** A restart takes a moment: proxies ask for their first leaf, and the old pods go. */
export const soundAgain = () =>
  until("a mesh that is right", 120_000, async () => {
    const { code, stdout, stderr } = await operation("status");
    return code === 0 || stdout + stderr;
  });

async function rolledOut(): Promise<void> {
  for (const namespace of [inLinkerd, inShop]) {
    await kubectl("rollout", "status", namespace, "deployment", "--timeout=180s");
  }
}

interface Pod {
  readonly metadata: {
    readonly uid: string;
    readonly namespace: string;
    readonly name: string;
    readonly deletionTimestamp?: string;
    readonly ownerReferences?: readonly { readonly kind: string }[];
  };
}

/** Every pod of a Deployment that is not on its way out, by its UID: the Deployment's namespace and name. */
async function podsByUid(): Promise<Map<string, string>> {
  const { items } = JSON.parse(await kubectl("get", "pods", "--all-namespaces", "--output=json"));
  const present = (items as Pod[]).filter(
    ({ metadata: { deletionTimestamp, ownerReferences } }) =>
      deletionTimestamp === undefined && ownerReferences?.[0]?.kind === "ReplicaSet",
  );
  return new Map(
    present.map(({ metadata: { uid, namespace, name } }) => [
      uid,
      `${namespace}/${name.replace(/-[^-]+-[^-]+$/, "")}`,
    ]),
  );
}

/** Has `--fix` restart what it finds, which it must: gives what it says, and whose pods are others than before. */
export async function fix(): Promise<{ readonly said: string; readonly restarted: readonly string[] }> {
  const before = await podsByUid();
  const { stdout, stderr } = await operation("status", "--fix", "--timeout=2m");
  assert.match(stdout, /\nRestarting, in this order:\n/, stdout + stderr);
  await rolledOut();
  const after = await podsByUid();
  const others = [
    ...[...after].filter(([uid]) => !before.has(uid)),
    ...[...before].filter(([uid]) => !after.has(uid)),
  ];
  const restarted = [...new Set(others.map(([, workload]) => workload))].sort();
  return { said: stdout.slice(stdout.indexOf("\nRestarting")), restarted };
}

type Pair = Readonly<Record<"tls.crt" | "tls.key", string>>;

/**
 * Mounts a copy over the directory from which a component of the control plane has its credentials: what the kubelet
 * delivers is not seen any more.
 *
 * @param pair what is seen in its place; by default, what is there now.
 */
export async function blind(component: string, path: string, pair?: Pair): Promise<void> {
  const uid = await kubectl(
    "get",
    "pod",
    inLinkerd,
    `--selector=linkerd.io/control-plane-component=${component}`,
    "--output=jsonpath={.items[0].metadata.uid}",
  );
  const isComponent = (pid: string) => {
    try {
      const command = readFileSync(`/proc/${pid}/cmdline`, "utf8");
      return (
        command.includes(`\0${component}\0`) && readFileSync(`/proc/${pid}/mountinfo`, "utf8").includes(uid)
      );
    } catch {
      return false; // It has ended.
    }
  };
  const pid = readdirSync("/proc").find((name) => /^\d+$/.test(name) && isComponent(name));
  assert.ok(pid, `the process of ${component}`);
  const fileOf = (name: keyof Pair) => `/proc/${pid}/root${path}/${name}`;
  const { "tls.crt": certificate, "tls.key": key } = pair ?? {
    "tls.crt": readFileSync(fileOf("tls.crt"), "utf8"),
    "tls.key": readFileSync(fileOf("tls.key"), "utf8"),
  };
  // The container has no tools: those of this machine act in its mount namespace.
  await run("nsenter", "--target", pid, "--mount", "mount", "-t", "tmpfs", "tmpfs", path);
  writeFileSync(fileOf("tls.crt"), certificate);
  writeFileSync(fileOf("tls.key"), key);
}

/**
 * Has the identity controller miss a renewal, and an event say that it has not.
 *
 * @returns the message of that event.
 */
export async function blindIdentity(): Promise<string> {
  await blind("identity", "/run/linkerd/identity/issuer");
  const { code } = await operation("renew", "--timeout=10s");
  assert.equal(code, 2, "the controller does not load what is stored");
  const message = "the test has made this up";
  const time = new Date().toISOString().replace(/\.\d+/, "");
  await apply({
    apiVersion: "v1",
    kind: "Event",
    metadata: { name: "forged", namespace: "linkerd" },
    involvedObject: { kind: "Deployment", namespace: "linkerd", name: "linkerd-identity" },
    reason: "IssuerUpdated",
    message,
    type: "Normal",
    firstTimestamp: time,
    lastTimestamp: time,
    source: { component: "linkerd-identity" },
  });
  return message;
}

/** Has the API server verify the profile validator by a stranger, past cert-manager; gives what takes it back. */
export async function refuseByCaBundle(): Promise<() => Promise<unknown>> {
  const configuration = "validatingwebhookconfiguration/linkerd-sp-validator-webhook-config";
  const injection = "cert-manager.io/inject-ca-from";
  const { certificate } = await authority({ commonName: "stranger" });
  const caBundle = Buffer.from(certificate.toString()).toString("base64");
  const from = JSON.parse(await kubectl("get", configuration, "--output=json")).metadata.annotations[
    injection
  ];
  // cert-manager would put its own there at once.
  await kubectl("annotate", configuration, `${injection}-`);
  const patch = [{ op: "replace", path: "/webhooks/0/clientConfig/caBundle", value: caBundle }];
  await kubectl("patch", configuration, "--type=json", `--patch=${JSON.stringify(patch)}`);
  return () => kubectl("annotate", configuration, `${injection}=${from}`);
}
