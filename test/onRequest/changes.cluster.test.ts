/** `npm run test:changes`: each change of docs/changes.md, on a mesh that runs. */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { parse, stringify } from "yaml";
import { partOf } from "../../components/parts.ts";
import { type Change, changes } from "../../docs/changesPage.ts";
import { types } from "../../infra/config.ts";
import { readPreview } from "../../operations/preview.ts";
import { sandboxPaths } from "../../sandbox/directories.ts";
import { execute, removeSandbox, sandboxName, startSandbox, up } from "../stack.ts";

const { stackConfiguration: file } = sandboxPaths(sandboxName);

before(async () => {
  await startSandbox("linkerd-cni", "linkerd-viz");
  await up();
});
after(removeSandbox);

/** What a preview says of a change. */
async function previewOf(key: string, { to, with: beside }: Change): Promise<Change["does"]> {
  const before = readFileSync(file, "utf8");
  const { config, ...rest } = parse(before);
  const set = Object.entries({ [key]: to, ...beside }).map(([name, value]) => [
    `linkerd-rotating-tls:${name}`,
    value,
  ]);
  writeFileSync(file, stringify({ ...rest, config: { ...config, ...Object.fromEntries(set) } }));
  try {
    const { code, stdout, stderr } = await execute("pulumi", ["preview", "--json"]);
    if (code !== 0) {
      const said = readPreview(stdout).errors.join("\n");
      return { refused: /Rule: (\S+)/.exec(said)?.[1] ?? said + stderr };
    }
    const steps = JSON.parse(stdout).steps as { op: string; urn: string }[];
    const changed = steps.filter(({ op }) => !["same", "read", "refresh"].includes(op));
    const parts = changed.flatMap(({ urn }) => partOf(urn) ?? []);
    return [...new Set(parts)].sort();
  } finally {
    writeFileSync(file, before);
  }
}

test("the page has every setting", () =>
  assert.deepEqual(Object.keys(changes).sort(), Object.keys(types).sort()));

for (const [key, change] of Object.entries(changes)) {
  const { does, needs } = change;
  const skip = needs !== undefined && `NOT TRIED: its preview needs ${needs}, and the sandbox has none`;
  test(`${key}: ${JSON.stringify(change.to)}`, { skip }, async () => {
    const expected = "refused" in does ? does : [...does].sort();
    assert.deepEqual(await previewOf(key, change), expected);
  });
}
