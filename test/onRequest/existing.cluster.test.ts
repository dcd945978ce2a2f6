/** What is on the cluster already and not this stack's stays as it is; what is this stack's stays where it is. */
import assert from "node:assert/strict";
import { copyFileSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { parse, stringify } from "yaml";
import { sandboxPaths } from "../../sandbox/directories.ts";
import {
  destroy,
  environment,
  execute,
  kubectl,
  projectDirectory,
  pulumi,
  refused,
  removeSandbox,
  sandboxName,
  set,
  startSandbox,
  temporaryFolder,
  unset,
  up,
  upChangesNothing,
} from "../stack.ts";

/** Namespaces of someone else's, by the setting that names each. */
const namespaces = {
  linkerdNamespace: "brown",
  certManagerNamespace: "pki",
  linkerdCniNamespace: "plugins",
  linkerdVizNamespace: "views",
} as const;
const names = Object.values(namespaces);
const creating = Object.keys(namespaces).map((key) => `create${key[0]!.toUpperCase()}${key.slice(1)}`);
const secret = ["--namespace=brown", "secret/linkerd-trust-anchor"];

/** Settings at once, as texts. */
const setAll = (settings: Readonly<Record<string, string>>) =>
  pulumi(
    "config",
    "set-all",
    ...Object.entries(settings).map(([key, value]) => `--plaintext=${key}=${value}`),
  );

const everyNamespace = (create: "true" | "false") =>
  setAll(Object.fromEntries(creating.map((key) => [key, create])));

before(async () => {
  await startSandbox("linkerd-cni", "linkerd-viz");
  for (const name of names) {
    await kubectl("create", "namespace", name);
    await kubectl("create", "configmap", "theirs", "--namespace", name, "--from-literal=a=b");
  }
  await kubectl(
    "create",
    "secret",
    "generic",
    "linkerd-trust-anchor",
    "-n=brown",
    "--from-literal=tls.key=x",
  );
  await setAll({ installLinkerdCni: "true", installLinkerdViz: "true" });
});
after(removeSandbox);

/** What tells whether anything of the namespaces has been touched. */
const versions = () =>
  kubectl("get", "namespace", ...names, "--output=custom-columns=:.metadata.resourceVersion,:.metadata.uid");

/** What Pulumi says as it refuses, with a preview and without. */
async function refusedTwice(): Promise<readonly string[]> {
  const said = [await refused("preview"), await refused("up")];
  for (const text of said) assert.doesNotMatch(text, /unhandled exception|error serializing/);
  return said;
}

/** Each text of a refusal is said both times. */
function saidTwice(said: readonly string[], pattern: RegExp): void {
  for (const text of said) assert.match(text, pattern);
}

test("namespaces that are there are refused, and nothing of them changes", async () => {
  const before = await versions();
  await setAll(namespaces);
  // What is met first, ends it.
  saidTwice(
    await refusedTwice(),
    /Namespace (brown|pki|plugins): It is on the cluster already, .* it is by kubectl/,
  );
  assert.equal(await versions(), before);
});

test("namespaces that are not to be made must be there, before anything is made", async () => {
  await everyNamespace("false");
  const missing = Object.keys(namespaces).map((key) => [key, `${key.toLowerCase()}-missing`] as const);
  await setAll(Object.fromEntries(missing));
  const said = await refusedTwice();
  for (const [key, name] of missing) {
    const setting = `create${key.replace(/^./, (letter) => letter.toUpperCase())}`;
    saidTwice(said, new RegExp(`${setting}: Namespace ${name} does not exist`));
  }
  await setAll(namespaces);
  assert.equal(await kubectl("get", "customresourcedefinitions", "--output=name"), "");
});

test("namespaces that are there can be used, but what is in them is not taken over", async () => {
  saidTwice(await refusedTwice(), /Secret brown\/linkerd-trust-anchor: It is on the cluster already/);
  assert.equal(await kubectl("get", ...secret, "--output=jsonpath={.data.tls\\.key}"), "eA==");
  await kubectl("delete", ...secret);
});

/** Each would replace what the mesh lives on. */
const replacing = {
  certManagerNamespace: "blue",
  linkerdNamespace: "green",
  linkerdCniNamespace: "red",
  trustDomain: "other.example",
  trustAnchorSource: "cluster",
} as const;

async function refuseReplacing(settings: Readonly<Record<string, string>>): Promise<void> {
  await setAll(settings);
  try {
    const said = await refusedTwice();
    for (const [key, value] of Object.entries(settings)) {
      saidTwice(said, new RegExp(`${key}: .*[Ww]ith "?${value}`));
    }
  } finally {
    for (const key of Object.keys(settings)) if (!(key in namespaces)) await unset(key);
    await setAll(namespaces);
  }
}

test("an installation that fails on its way leaves what is theirs, and can be gone on with, but not be moved", async () => {
  // Helm takes over nothing of others.
  await kubectl("create", "serviceaccount", "tap", "--namespace=views");
  assert.match(
    await refused("up"),
    /ServiceAccount "tap" in namespace "views" exists and cannot be imported/,
  );
  await refuseReplacing(replacing);
  await kubectl("delete", "serviceaccount", "tap", "--namespace=views");
});

test("gone on with, it succeeds, and a second run changes nothing", async () => {
  await up();
  await upChangesNothing();
  assert.equal(await isControlPlane(), "true");
});

test("what would replace what the mesh lives on is refused", async () => {
  await refuseReplacing({ ...replacing, linkerdVizNamespace: "yellow" });
  // With another namespace of it, that would be one mistake.
  await refuseReplacing({ installCertManager: "false" });
});

test("namespaces that were there do not become the stack's own", async () => {
  await everyNamespace("true");
  // What is met first, ends it.
  saidTwice(await refusedTwice(), /Namespace (brown|pki|plugins|views): It is on the cluster already/);
  await everyNamespace("false");
});

test("set back, nothing has changed, and all of it runs", async () => {
  await upChangesNothing();
  await kubectl("rollout", "status", "deployment/cert-manager", "--namespace=pki", "--timeout=60s");
  await kubectl("rollout", "status", "daemonset/linkerd-cni", "--namespace=plugins", "--timeout=60s");
  await kubectl("rollout", "status", "deployment/tap", "--namespace=views", "--timeout=60s");
});

test("a stack of the same name and settings, in someone else's backend, is refused", async () => {
  const folder = temporaryFolder();
  const { project, stackConfiguration } = sandboxPaths(sandboxName);
  const { encryptionsalt: _, ...settings } = parse(readFileSync(stackConfiguration, "utf8"));
  writeFileSync(join(folder, "Pulumi.dev.yaml"), stringify(settings));
  copyFileSync(project, join(folder, "Pulumi.yaml"));
  const other = { ...environment, PULUMI_BACKEND_URL: `file://${folder}`, PULUMI_OPTION_CWD: folder };
  const init = ["stack", "init", "dev", "--secrets-provider=passphrase"];
  assert.equal((await execute("pulumi", init, undefined, other)).code, 0);
  const { code, stdout, stderr } = await execute("pulumi", ["preview"], undefined, other);
  assert.notEqual(code, 0, stdout);
  // What is met first, ends it.
  assert.match(
    stdout + stderr,
    /It is on the cluster already, .* of another stack of this program|Generation 1 would be made anew/,
  );
  assert.match(stdout + stderr, /npm run -s adopt/);
});

/** What cert-manager has written stays, and a Certificate that is deleted by mistake takes no issuer with it. */
const written = {
  brown: [
    "linkerd-identity-issuer",
    "linkerd-policy-validator-k8s-tls",
    "linkerd-proxy-injector-k8s-tls",
    "linkerd-sp-validator-k8s-tls",
    "webhook-issuer-tls",
  ],
  pki: ["cert-manager-webhook-ca"],
  plugins: [],
  views: ["tap-injector-k8s-tls", "tap-k8s-tls", "webhook-issuer-tls"],
} as const;

test("destroyed, the namespaces are there, with what was in them, and what docs/uninstall.md tells of", async () => {
  await set("protectTrustAnchors", "false");
  await up();
  await destroy();
  const page = readFileSync(join(projectDirectory, "docs/uninstall.md"), "utf8");
  for (const [name, secrets] of Object.entries(written)) {
    const theirs = ["get", "configmap/theirs", "--namespace", name, "--output=jsonpath={.data.a}"];
    assert.equal(await kubectl(...theirs), "b");
    // Helm waits for the deployments to go, and their pods take a while longer.
    await kubectl("wait", "pods", "--all", "--namespace", name, "--for=delete", "--timeout=60s");
    const left = (await kubectl("get", "all,secret", "--namespace", name, "--output=name")).trim();
    assert.deepEqual(
      left.split("\n"),
      secrets.length === 0 ? [""] : secrets.map((secret) => `secret/${secret}`),
    );
    for (const secret of secrets) assert.ok(page.includes(`\`${secret}\``), secret);
  }
  assert.equal(await isControlPlane(), "");
});

const isControlPlane = () =>
  kubectl("get", "namespace/brown", "--output=jsonpath={.metadata.labels.linkerd\\.io/is-control-plane}");
