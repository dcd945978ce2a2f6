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

const secret = ["--namespace=brown", "secret/linkerd-trust-anchor"];

before(async () => {
  await startSandbox();
  await kubectl("create", "namespace", "brown");
  await kubectl("create", "configmap", "theirs", "--namespace=brown", "--from-literal=a=b");
  await kubectl(
    "create",
    "secret",
    "generic",
    "linkerd-trust-anchor",
    "--namespace=brown",
    "--from-literal=tls.key=x",
  );
});
after(removeSandbox);

/** What tells whether anything of the namespace has been touched. */
const versions = () =>
  kubectl("get", "namespace/brown", "--output=jsonpath={.metadata.resourceVersion} {.metadata.uid}");

/** What Pulumi says as it refuses, with a preview and without. */
async function refusedTwice(): Promise<string> {
  const said = [await refused("preview"), await refused("up")];
  for (const text of said) assert.doesNotMatch(text, /unhandled exception|error serializing/);
  return said.join("\n");
}

/** Each text of a refusal is said both times. */
function saidTwice(text: string, pattern: RegExp): void {
  assert.ok((text.match(new RegExp(pattern, "g")) ?? []).length >= 2, text);
}

test("a namespace that is there is refused, and nothing of it changes", async () => {
  const before = await versions();
  await set("linkerdNamespace", "brown");
  saidTwice(await refusedTwice(), /Namespace brown: It is on the cluster already, .* it is by kubectl/);
  assert.equal(await versions(), before);
});

test("a namespace that is not to be made must be there", async () => {
  await set("createLinkerdNamespace", "false");
  await set("linkerdNamespace", "green");
  saidTwice(await refusedTwice(), /createLinkerdNamespace: Namespace green does not exist/);
  await set("linkerdNamespace", "brown");
});

test("a namespace that is there can be used, but what is in it is not taken over", async () => {
  saidTwice(await refusedTwice(), /Secret brown\/linkerd-trust-anchor: It is on the cluster already/);
  assert.equal(await kubectl("get", ...secret, "--output=jsonpath={.data.tls\\.key}"), "eA==");
});

test("an installation in it succeeds, and a second run changes nothing", async () => {
  await kubectl("delete", ...secret);
  await up();
  await upChangesNothing();
  assert.equal(
    await kubectl(
      "get",
      "namespace/brown",
      "--output=jsonpath={.metadata.labels.linkerd\\.io/is-control-plane}",
    ),
    "true",
  );
});

for (const [key, value] of [
  ["certManagerNamespace", "pki"],
  ["linkerdNamespace", "green"],
  ["trustDomain", "other.example"],
  ["trustAnchorSource", "cluster"],
  ["installCertManager", "false"],
] as const) {
  test(`${key}: ${value} would replace what the mesh lives on, and is refused`, async () => {
    const old = key === "linkerdNamespace" ? "brown" : undefined;
    await set(key, value);
    saidTwice(await refusedTwice(), new RegExp(`${key}: .*[Ww]ith "?${value}`));
    await (old === undefined ? unset(key) : set(key, old));
  });
}

test("set back, nothing has changed, and cert-manager is there", async () => {
  await upChangesNothing();
  await kubectl("rollout", "status", "deployment/cert-manager", "--namespace=cert-manager", "--timeout=60s");
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
  assert.match(
    stdout + stderr,
    /Namespace cert-manager: It is on the cluster already, .* of another stack of this program/,
  );
});

test("destroyed, the namespace is there, with what was in it", async () => {
  await set("protectTrustAnchors", "false");
  await up();
  await destroy();
  assert.equal(
    await kubectl("get", "configmap/theirs", "--namespace=brown", "--output=jsonpath={.data.a}"),
    "b",
  );
  assert.equal(
    await kubectl(
      "get",
      "namespace/brown",
      "--output=jsonpath={.metadata.labels.linkerd\\.io/is-control-plane}",
    ),
    "",
  );
  assert.equal(await kubectl("get", "all", "--namespace=brown", "--output=name"), "");
});
