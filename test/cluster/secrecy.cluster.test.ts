/** Private keys stay where they belong: nothing that anyone writes, prints or passes on holds one in plain text. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { CoreV1Api } from "@kubernetes/client-node";
import { sandboxPaths } from "../../sandbox/directories.ts";
import { findKeys, type PrivateKey } from "../privateKeys.ts";
import {
  execute,
  kubeConfig,
  kubectl,
  operation,
  pulumi,
  removeSandbox,
  sandboxName,
  startSandbox,
} from "../stack.ts";

/** Every Secret that holds a private key of the control plane. */
const secretNames = [
  "linkerd-trust-anchor",
  "linkerd-identity-issuer",
  "webhook-issuer-tls",
  "linkerd-proxy-injector-k8s-tls",
  "linkerd-sp-validator-k8s-tls",
  "linkerd-policy-validator-k8s-tls",
];

/** Every private key that there has been: the issuer's is another one after each renewal. */
const keys: PrivateKey[] = [];
/** Texts to search, by where they come from. */
const texts = new Map<string, string>();

before(async () => {
  await startSandbox();
  const paths = sandboxPaths(sandboxName);
  const eventLog = join(paths.directory, "events.json");
  const commandLines = watchCommandLines();

  // At 9, Pulumi's engine itself logs every property that it passes on, secrets in plain text.
  const verbose = ["--logtostderr", "--logflow", "-v=8", `--event-log=${eventLog}`];
  // Without the variable there is no --event-log.
  const debugging = ["PULUMI_DEBUG_COMMANDS=true", "pulumi"];
  const up = await execute("env", [...debugging, "up", "--yes", "--skip-preview", ...verbose]);
  assert.equal(up.code, 0, up.stdout + up.stderr.slice(-10_000));
  texts.set("pulumi up's output", up.stdout);
  texts.set("the engine's log", up.stderr);
  texts.set("the event log", readFileSync(eventLog, "utf8"));
  keys.push(...(await readKeys("after up")));
  const renewal = await operation("renew", "--json");
  assert.equal(renewal.code, 0, renewal.stdout + renewal.stderr);
  texts.set("renew's output", renewal.stdout + renewal.stderr);
  keys.push(...(await readKeys("after renew")));
  const status = await operation("status");
  assert.equal(status.code, 0, status.stdout + status.stderr);
  texts.set("status's output", status.stdout + status.stderr);
  for (const [title, ...args] of [
    ["the stack's outputs", "stack", "output", "--json"],
    ["the exported state", "stack", "export"],
    ["a preview with its diff", "preview", "--diff", "--json"],
    ["the stack's configuration", "config", "--json"],
  ] as const) {
    texts.set(title, await pulumi(...args));
  }
  texts.set("process arguments", commandLines());

  collectFiles("state file", paths.pulumiState);
  collectFiles("sandbox log", paths.logs);
  await collectPodLogs();
  texts.set("events", await kubectl("get", "events", "--all-namespaces", "--output=json"));
});
after(removeSandbox);

async function readKeys(when: string): Promise<PrivateKey[]> {
  const core = kubeConfig().makeApiClient(CoreV1Api);
  const read = async (name: string) => {
    const secret = await core.readNamespacedSecret({ namespace: "linkerd", name });
    const pem = Buffer.from(secret.data!["tls.key"]!, "base64").toString();
    return { name: `the key of ${name} ${when}`, pem };
  };
  return Promise.all(secretNames.map(read));
}

function collectFiles(kind: string, directory: string): void {
  for (const entry of readdirSync(directory, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    texts.set(`${kind} ${path.slice(directory.length + 1)}`, readFileSync(path, "utf8"));
  }
}

async function collectPodLogs(): Promise<void> {
  const { items } = await kubeConfig().makeApiClient(CoreV1Api).listPodForAllNamespaces();
  for (const { metadata } of items) {
    const [namespace, pod] = [metadata!.namespace!, metadata!.name!];
    const logs = await kubectl("logs", pod, `--namespace=${namespace}`, "--all-containers");
    texts.set(`logs of pod ${namespace}/${pod}`, logs);
  }
}

test("the issuer's key changes at a renewal, no other does", () => {
  assert.equal(keys.length, 2 * secretNames.length);
  assert.equal(new Set(keys.map(({ pem }) => pem)).size, secretNames.length + 1);
});

test("what is searched is there", () => {
  assert.match(texts.get("process arguments")!, /pulumi up/);
  assert.match(texts.get("process arguments")!, /operations\/renew\/renew\.ts/);
  assert.match(texts.get("the engine's log")!, /tls:index\/privateKey:PrivateKey/);
  assert.match(texts.get("the exported state")!, /linkerd-trust-anchor/);
  assert.match(texts.get("events")!, /IssuerUpdated/);
  const sources = [...texts].filter(([, text]) => text !== "").map(([where]) => where);
  const wanted = [
    /^state file .*dev\.json$/,
    /^sandbox log kubelet\.log$/,
    /^logs of pod cert-manager\/cert-manager-/,
    /^logs of pod linkerd\/linkerd-identity-/,
  ];
  for (const pattern of wanted)
    assert.ok(
      sources.some((where) => pattern.test(where)),
      `${pattern}`,
    );
});

test("nothing holds a private key of anyone in PEM", () => {
  const pem = /-----BEGIN [A-Z ]*PRIVATE KEY-----/;
  assert.deepEqual(
    [...texts].filter(([, text]) => pem.test(text)).map(([where]) => where),
    [],
  );
});

test("nothing holds a private key of the mesh in any of the usual encodings", () => {
  assert.deepEqual(
    [...texts].flatMap(([where, text]) => findKeys(text, keys).map((key) => `${where}: ${key}`)),
    [],
  );
});

test("the search would find them: the Secrets' own text holds them all", async () => {
  const secrets = await kubectl("get", "secrets", "--namespace=linkerd", "--output=json");
  assert.deepEqual(
    findKeys(secrets, keys.slice(secretNames.length)),
    secretNames.map((name) => `the key of ${name} after renew in base64 of PEM`),
  );
});

/** Collects the command lines of every process until the function that it gives is called. */
function watchCommandLines(): () => string {
  const seen = new Set<string>();
  const look = () => {
    for (const entry of readdirSync("/proc")) {
      if (!/^\d+$/.test(entry)) continue;
      try {
        seen.add(readFileSync(`/proc/${entry}/cmdline`, "utf8").replaceAll("\0", " "));
      } catch {
        // It has ended meanwhile.
      }
    }
  };
  // A watch that nobody ends must not keep the test's process.
  const timer = setInterval(look, 20).unref();
  return () => {
    clearInterval(timer);
    return [...seen].join("\n");
  };
}
