/** What nobody else sees, on a real mesh: each failure is made, and found in one call of `status`. */
import assert from "node:assert/strict";
import { chmodSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { after, before, suite, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import "reflect-metadata"; // @peculiar/x509 expects it to be there
import { Extension } from "@peculiar/x509";
import { parseAllDocuments } from "yaml";
import { z } from "zod";
import { until } from "../../../sandbox/until.ts";
import { authority, authorityExtensions, hoursFromNow } from "../../certificates.ts";
import { commandBlocks } from "../../docs/commandBlocks.ts";
import {
  environment,
  execute,
  kubectl,
  operation,
  projectDirectory,
  removeSandbox,
  run,
  set,
  startSandbox,
  temporaryFolder,
  up,
} from "../../stack.ts";

const inLinkerd = "--namespace=linkerd";
const inShop = "--namespace=shop";
/** Of an issued leaf: both allowances are part of it. */
const leafSeconds = 70;

before(async () => {
  await startSandbox("linkerd");
  await set("issuanceLifetime", "60s");
  await set("clockSkewAllowance", "10s");
  await up();
  const template = (name: string) => ({
    metadata: { labels: { app: name } },
    spec: { terminationGracePeriodSeconds: 1, containers: [{ name: "app", image: "example.com/app:1" }] },
  });
  const items = [
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
  ];
  await apply(...items);
  await kubectl("rollout", "status", inShop, "deployment", "--timeout=120s");
  await soundAgain();
});
after(removeSandbox);

async function apply(...items: object[]): Promise<void> {
  const file = join(temporaryFolder(), "objects.json");
  writeFileSync(file, JSON.stringify({ apiVersion: "v1", kind: "List", items }));
  await kubectl("apply", "--server-side", `--filename=${file}`);
}

interface Shown {
  readonly verdict: string;
  readonly problems: readonly { readonly rule: string; readonly field: string; readonly message: string }[];
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

const shown = async (...options: string[]): Promise<Shown> =>
  JSON.parse((await operation("status", "--json", ...options)).stdout);

const rulesOf = ({ problems }: Shown) => [...new Set(problems.map(({ rule }) => rule))].sort();

/** A restart takes a moment: proxies ask for their first leaf, and the old pods go. */
const soundAgain = () =>
  until("a mesh that is right", 120_000, async () => {
    const { code, stdout, stderr } = await operation("status");
    return code === 0 || stdout + stderr;
  });

/** Restarts what `--fix` finds, which it must, and gives what it says. */
async function fix(): Promise<string> {
  const { stdout, stderr } = await operation("status", "--fix", "--timeout=2m");
  assert.match(stdout, /\nRestarting, in this order:\n/, stdout + stderr);
  return stdout.slice(stdout.indexOf("\nRestarting"));
}

test("a mesh that is right: every pod's bundle, every leaf, and what the webhooks serve", async () => {
  const seen = await shown("--leaves");
  assert.equal(seen.verdict, "ok");
  const schema = z.fromJSONSchema(
    JSON.parse(readFileSync(join(projectDirectory, "docs/status.schema.json"), "utf8")),
  );
  assert.deepEqual(schema.safeParse(seen).error?.issues, undefined);
  assert.deepEqual(
    seen.mesh.bundles.map(({ state }) => state),
    ["current"],
  );
  assert.deepEqual(seen.mesh.bundles[0]!.workloads.map(({ name }) => name).sort(), [
    "cart",
    "linkerd-destination",
    "linkerd-identity",
    "linkerd-proxy-injector",
    "web",
  ]);
  assert.equal(seen.mesh.leaves.length, seen.mesh.pods);
  assert.ok(seen.mesh.leaves.every(({ state, generation }) => state === "live" && generation === 1));
  for (const { name, served } of seen.webhooks) {
    assert.ok(served.length > 0 && served.every(({ serialNumber }) => serialNumber !== undefined), name);
  }
});

test("the commands of docs/status.md do what the page says", async () => {
  const scripts = commandBlocks("docs/status.md").filter(({ remark }) => remark?.startsWith("run by"));
  const written = ["status.json", "status.html"].map((name) => join(projectDirectory, name));
  try {
    for (const { script } of scripts) await run("bash", "-c", `set -e -o pipefail\n${script}`);
    const [json, html] = written.map((file) => readFileSync(file, "utf8"));
    assert.equal(JSON.parse(json!).verdict, "ok");
    assert.match(html!, /<title>All right: /);
  } finally {
    for (const file of written) rmSync(file, { force: true });
  }
});

test("linkerd check shows the verdicts as its own, and fails with them", async () => {
  const folder = temporaryFolder();
  const executable = join(folder, "linkerd-credentials");
  const program = resolve(projectDirectory, "operations/linkerdCredentials.ts");
  writeFileSync(executable, `#!/bin/sh\nexec ${process.execPath} ${program} "$@"\n`);
  chmodSync(executable, 0o755);
  const env = { ...environment, PATH: `${folder}:${environment.PATH}` };
  const check = async () => {
    const { stdout } = await execute("linkerd", ["check", "--output=json", "--wait=30s"], undefined, env);
    // It prints one JSON object for its own checks, and one for each extension.
    const last = stdout.slice(stdout.lastIndexOf("\n{") + 1);
    return JSON.parse(last) as {
      success: boolean;
      categories: {
        categoryName: string;
        checks: { description: string; result: string; error?: string }[];
      }[];
    };
  };
  const right = await check();
  assert.equal(right.categories[0]?.categoryName, "linkerd-credentials");
  assert.ok(right.categories[0].checks.length >= 7);
  assert.ok(
    right.categories[0].checks.every(({ result }) => result === "success"),
    JSON.stringify(right),
  );
  const scale = (replicas: number) =>
    kubectl("scale", "deployment/cert-manager", "--namespace=cert-manager", `--replicas=${replicas}`);
  await scale(0);
  try {
    await until("linkerd check to fail", 60_000, async () => {
      const { success, categories } = await check();
      const errors = categories[0]!.checks.map(({ error }) => error).join();
      return (!success && errors.includes("cert-manager's controller is not running")) || errors;
    });
  } finally {
    await scale(1);
  }
  await soundAgain();
});

suite("Found in one call, and mended by --fix, is", () => {
  test("a watcher that is blind, though an event says IssuerUpdated", async () => {
    await blind();
    const { code } = await operation("renew", "--timeout=20s");
    assert.equal(code, 2, "the controller does not load what is stored");
    const seen = await shown();
    assert.deepEqual(rulesOf(seen), ["issuer-loaded"]);
    // The kubelet may take as long.
    await pause(125_000);
    assert.match(
      await fix(),
      /Deployment linkerd\/linkerd-identity: The identity controller has loaded issuer/,
    );
    await soundAgain();
  });

  test("pods whose leaves have ended, while everything is Ready and linkerd check --proxy says nothing", async () => {
    await kubectl("scale", inLinkerd, "deployment/linkerd-identity", "--replicas=0");
    await pause((leafSeconds + 5) * 1000);
    await kubectl("scale", inLinkerd, "deployment/linkerd-identity", "--replicas=1");
    await kubectl("rollout", "status", inLinkerd, "deployment/linkerd-identity", "--timeout=120s");
    // Time to come back, if they could.
    await pause(20_000);
    const ready = await kubectl(
      "get",
      "pods",
      inShop,
      "--output=jsonpath={.items[*].status.containerStatuses[*].ready}",
    );
    assert.match(ready, /^(true ?)+$/);
    const checked = JSON.parse(
      (await execute("linkerd", ["check", "--proxy", "--output=json", "--namespace=shop", "--wait=10s"]))
        .stdout,
    ) as { categories: { categoryName: string; checks: { result: string }[] }[] };
    const dataPlane = checked.categories.filter(({ categoryName }) => /data-plane/.test(categoryName));
    assert.ok(
      dataPlane.length > 0 &&
        dataPlane.every(({ checks }) => checks.every(({ result }) => result !== "error")),
    );
    const seen = await shown();
    assert.ok(rulesOf(seen).includes("leaf-ended"), JSON.stringify(seen.problems));
    const ended = seen.problems.find(({ rule }) => rule === "leaf-ended")!;
    assert.match(ended.field, /Deployment shop\/(web|cart)/);
    const said = await fix();
    assert.match(
      said,
      /Deployment linkerd\/linkerd-destination: .*its leaf ended[\s\S]*Deployment shop\/web: 1 pod: its leaf ended/,
    );
    assert.doesNotMatch(said, /Deployment linkerd\/linkerd-identity/, "identity is new, and well");
    await soundAgain();
  });

  test("an identity replica that was started with an older bundle", async () => {
    const restore = await addAnchor();
    const seen = await shown();
    assert.ok(rulesOf(seen).includes("controller-anchors"), JSON.stringify(seen.problems));
    assert.match(
      await fix(),
      /Deployment linkerd\/linkerd-identity: The identity controller was started with other/,
    );
    await until("identity to have the anchors of now", 60_000, async () => {
      const rules = rulesOf(await shown());
      return !rules.includes("controller-anchors") || rules.join();
    });
    await restore();
  });

  test("a proxy that skips an anchor which it cannot read", async () => {
    // Go reads it; the proxy's verifier does not know what is critical in it.
    const unknown = new Extension("1.2.3.4.5", true, new Uint8Array([5, 0]));
    const extensions = [...authorityExtensions(), unknown];
    const restore = await addAnchor(extensions);
    try {
      await injected(2);
      await restartWeb();
      const skipped = (await shown()).problems.find(({ rule }) => rule === "pods-read-bundle");
      assert.match(
        skipped?.message ?? "",
        /Of the bundle with which 1 pod started, 1 of 2 certificates cannot be read/,
      );
      assert.equal(skipped?.field, "Deployment shop/web");
    } finally {
      await restore();
    }
    await injected(1);
    await restartWeb();
    await soundAgain();
  });
});

/** Waits until the injector, which has the bundle from a volume, gives pods so many anchors. */
const injected = (anchors: number) =>
  until(`the injector to give ${anchors} anchors`, 180_000, async () => {
    const options = ["--image=example.com/app:1", "--dry-run=server", "--output=json"];
    const pod = await kubectl("run", "probe", inShop, ...options);
    return pod.split("-----BEGIN CERTIFICATE-----").length - 1 === anchors;
  });

async function restartWeb(): Promise<void> {
  await kubectl("rollout", "restart", inShop, "deployment/web");
  await kubectl("rollout", "status", inShop, "deployment/web", "--timeout=180s");
}

/** Adds a new anchor to the bundle, past Helm; gives what takes it back. */
async function addAnchor(extensions = authorityExtensions()): Promise<() => Promise<void>> {
  const name = "linkerd-identity-trust-roots";
  const before = JSON.parse(await kubectl("get", "configmap", inLinkerd, name, "--output=json")).data[
    "ca-bundle.crt"
  ];
  const { certificate } = await authority({
    commonName: "company root",
    notAfter: hoursFromNow(87600),
    extensions,
  });
  const write = (bundle: string) =>
    kubectl(
      "patch",
      "configmap",
      inLinkerd,
      name,
      `--patch=${JSON.stringify({ data: { "ca-bundle.crt": bundle } })}`,
    );
  await write(`${before}\n${certificate.toString().trimEnd()}`);
  return async () => {
    await write(before);
    await kubectl("rollout", "restart", inLinkerd, "deployment/linkerd-identity");
    await kubectl("rollout", "status", inLinkerd, "deployment/linkerd-identity", "--timeout=120s");
  };
}

/** Mounts a copy of what identity has loaded over its issuer's directory: what the kubelet delivers is not seen any more. */
async function blind(): Promise<void> {
  const uid = await kubectl(
    "get",
    "pod",
    inLinkerd,
    "--selector=linkerd.io/control-plane-component=identity",
    "--output=jsonpath={.items[0].metadata.uid}",
  );
  const isIdentity = (pid: string) => {
    try {
      const command = readFileSync(`/proc/${pid}/cmdline`, "utf8");
      return command.includes("\0identity\0") && readFileSync(`/proc/${pid}/mountinfo`, "utf8").includes(uid);
    } catch {
      return false; // It has ended.
    }
  };
  const pid = readdirSync("/proc").find((name) => /^\d+$/.test(name) && isIdentity(name));
  assert.ok(pid, "the identity controller's process");
  const path = "/run/linkerd/identity/issuer";
  // The container has no tools: those of this machine act in its mount namespace.
  const files = ["tls.crt", "tls.key"].map((name) => readFileSync(`/proc/${pid}/root${path}/${name}`));
  await run("nsenter", "--target", pid, "--mount", "mount", "-t", "tmpfs", "tmpfs", path);
  for (const [index, name] of ["tls.crt", "tls.key"].entries()) {
    writeFileSync(`/proc/${pid}/root${path}/${name}`, files[index]!);
  }
}

suite("A user with the documented Role", () => {
  const account = "status-reader";
  const roles = parseAllDocuments(readFileSync(join(projectDirectory, "docs/status-role.yaml"), "utf8")).map(
    (document) =>
      document.toJS() as { kind: string; metadata: { name: string }; rules: { resources: string[] }[] },
  );

  before(async () => {
    const subjects = [{ kind: "ServiceAccount", name: account, namespace: "default" }];
    const group = "rbac.authorization.k8s.io";
    await apply(
      { apiVersion: "v1", kind: "ServiceAccount", metadata: { name: account, namespace: "default" } },
      ...roles,
      ...roles.map(({ kind, metadata }) => ({
        apiVersion: `${group}/v1`,
        kind: `${kind}Binding`,
        metadata,
        roleRef: { apiGroup: group, kind, name: metadata.name },
        subjects,
      })),
    );
  });

  /** As that user. */
  async function status() {
    const token = (await kubectl("create", "token", account, "--namespace=default")).trim();
    const config = JSON.parse(await kubectl("config", "view", "--raw", "--flatten", "--output=json"));
    const [context] = config.contexts as { context: { user: string } }[];
    config.users = [{ name: context!.context.user, user: { token } }];
    const file = join(temporaryFolder(), "kubeconfig");
    writeFileSync(file, JSON.stringify(config), { mode: 0o600 });
    const env = { ...environment, KUBECONFIG: file };
    return execute(process.execPath, ["operations/status/status.ts"], undefined, env);
  }

  test("sees everything", async () => {
    const { code, stdout, stderr } = await status();
    assert.equal(code, 0, stdout + stderr);
  });

  for (const role of roles) {
    for (const rule of role.rules) {
      const [resource] = rule.resources;
      test(`without ${rule.resources.join(" and ")} (${role.kind}) is told so`, async () => {
        const restore = resource === "clusterissuers" ? await signByClusterIssuer() : async () => {};
        await apply({ ...role, rules: role.rules.filter((one) => one !== rule) });
        try {
          const { code, stdout, stderr } = await status();
          assert.notEqual(code, 0, stdout);
          assert.match(
            stdout + stderr,
            new RegExp(
              `${resource!.replace("serviceaccounts/token", "token")}.*(forbidden|403)|403.*portforward|portforward.*403`,
              "i",
            ),
          );
        } finally {
          await apply(role);
          await restore();
        }
      });
    }
  }
});

/**
 * Has a webhook's certificate signed by a ClusterIssuer, which the stack's own meshes have only with `trustAnchorSource:
 * cluster`; gives what takes it back.
 */
async function signByClusterIssuer(): Promise<() => Promise<void>> {
  const name = "linkerd-sp-validator";
  const apiVersion = "cert-manager.io/v1";
  await apply({
    apiVersion,
    kind: "ClusterIssuer",
    metadata: { name: "webhooks" },
    spec: { selfSigned: {} },
  });
  const before = JSON.parse(await kubectl("get", "certificate", inLinkerd, name, "--output=json")).spec
    .issuerRef;
  const point = async (issuerRef: object) => {
    const patch = `--patch=${JSON.stringify({ spec: { issuerRef } })}`;
    await kubectl("patch", "certificate", inLinkerd, name, "--type=merge", patch);
  };
  await point({ ...before, kind: "ClusterIssuer", name: "webhooks" });
  return async () => {
    await point(before);
    await kubectl("delete", "clusterissuer", "webhooks");
  };
}
