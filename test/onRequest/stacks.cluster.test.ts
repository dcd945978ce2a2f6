/** Three stacks side by side on one cluster, by the commands of docs/environments.md, in the sandbox's shell. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { parse } from "yaml";
import { readPage } from "../../docs/pages.ts";
import { projectDirectory, sandboxPaths } from "../../sandbox/directories.ts";
import { execute, kubectl, pulumi, removeSandbox, run, sandboxName, startSandbox, up } from "../stack.ts";

const fileOf = (stack: string) => join(sandboxPaths(sandboxName).directory, `Pulumi.${stack}.yaml`);
const read = (stack: string) => readFileSync(fileOf(stack), "utf8");
const settings = (stack: string) => parse(read(stack)).config as Record<string, string>;

before(async () => {
  await startSandbox();
  // Contexts of the page's names; all lead to the one cluster.
  const [cluster, user] = await Promise.all(
    ["cluster", "user"].map((part) =>
      kubectl("config", "view", "--minify", `--output=jsonpath={.contexts[0].context.${part}}`),
    ),
  );
  for (const context of ["my-staging-cluster", "my-prod-cluster"]) {
    await kubectl("config", "set-context", context, `--cluster=${cluster}`, `--user=${user}`);
  }
});
after(removeSandbox);

const page = readPage("docs/environments.md");
/** How a preview ends, as the page shows it. */
const toCreate = /Resources:\n {4}\+ \d+ to create\n/.exec(page)![0];

/** What the page runs, but what needs clusters of the reader's own. */
function commandBlocks(): string[] {
  const blocks = page.matchAll(/(<!-- needs a cluster of your own -->\n)?```sh\n(.*?)```/gs);
  return [...blocks].filter(([, elsewhere]) => !elsewhere).map(([, , text]) => text!.trim());
}

test("the page's commands make and preview staging and prod, beside dev", async (context) => {
  const [project, dev] = [readFileSync(join(projectDirectory, "Pulumi.dev.yaml"), "utf8"), read("dev")];
  for (const block of commandBlocks()) {
    await context.test(block, async () => {
      const shell = `set -e -o pipefail\neval "$(npm run -s sandbox -- env --name ${sandboxName})"\n${block}`;
      const { code, stdout, stderr } = await execute("bash", ["-c", shell]);
      assert.equal(code, 0, stdout + stderr);
      if (block.startsWith("pulumi preview")) assert.equal(stdout.split(toCreate).length, 3, stdout);
    });
  }
  assert.equal(read("dev"), dev);
  assert.equal(readFileSync(join(projectDirectory, "Pulumi.dev.yaml"), "utf8"), project);
  assert.equal(await run("git", "status", "--short", "--", "Pulumi.*"), "");
});

test("each stack has a file of its own, its comments in it", () => {
  for (const [stack, context] of [
    ["staging", "my-staging-cluster"],
    ["prod", "my-prod-cluster"],
  ] as const) {
    assert.equal(settings(stack)["linkerd-rotating-tls:kubeContext"], context);
    const [written, salt] = read(stack).split(/^(?=encryptionsalt: )/m) as [string, string];
    assert.match(salt, /^encryptionsalt: v1:\S+\n$/);
    assert.ok(page.includes(`\`\`\`yaml\n${written}\`\`\`\n`), written);
  }
});

test("a setting of one stack is in its file alone", async () => {
  const [dev, prod] = [read("dev"), read("prod")];
  await pulumi("config", "set", "--stack", "staging", "issuerDuration", "13h");
  assert.equal(settings("staging")["linkerd-rotating-tls:issuerDuration"], "13h");
  assert.deepEqual([read("dev"), read("prod")], [dev, prod]);
});

test("dev is installed, and unchanged in its preview; staging is refused on its cluster", async () => {
  await up("--stack", "dev");
  await pulumi("preview", "--stack", "dev", "--expect-no-changes");
  const { code, stdout, stderr } = await execute("pulumi", ["preview", "--stack", "staging"]);
  assert.notEqual(code, 0, stdout);
  assert.match(
    stdout + stderr,
    /Namespace linkerd: It is on the cluster already, .* of another stack of this program/,
  );
});
