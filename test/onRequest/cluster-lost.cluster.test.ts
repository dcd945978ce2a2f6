/** `npm run test:cluster-lost`: the cluster is gone, and the stack's state is there: a new cluster gets the same mesh. */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { sandboxPaths } from "../../sandbox/directories.ts";
import { ensureStack } from "../../sandbox/environment.ts";
import {
  kubectl,
  operation,
  pulumi,
  removeSandbox,
  sandboxName,
  soundCredentials,
  startSandbox,
  temporaryFolder,
  up,
  upChangesNothing,
} from "../stack.ts";

const { stackConfiguration, passphrase } = sandboxPaths(sandboxName);

before(async () => {
  await startSandbox();
  await up();
});
after(removeSandbox);

const anchorInCluster = () =>
  kubectl("get", "secret/linkerd-trust-anchor", "--namespace=linkerd", "--output=jsonpath={.data}");

test("a new cluster gets the mesh with the same anchor, from the state of the old one", async () => {
  const anchors = await pulumi("stack", "output", "trustAnchors", "--json");
  const anchor = await anchorInCluster();
  const state = join(temporaryFolder(), "state.json");
  await pulumi("stack", "export", "--file", state);
  const kept = [stackConfiguration, passphrase].map((file) => [file, readFileSync(file)] as const);

  await startSandbox();
  await pulumi("stack", "rm", "dev", "--force", "--yes");
  for (const [file, content] of kept) writeFileSync(file, content, { mode: 0o600 });
  await ensureStack(sandboxName, console.log);
  await pulumi("stack", "import", "--file", state);

  const { code, stderr } = await operation("recover", "--check");
  assert.equal(code, 2);
  assert.match(stderr, /pulumi up --refresh/);
  await up("--refresh");
  assert.equal(await pulumi("stack", "output", "trustAnchors", "--json"), anchors);
  assert.equal(await anchorInCluster(), anchor);
  await upChangesNothing();
  await soundCredentials();
});
