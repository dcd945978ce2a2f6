import assert from "node:assert/strict";
import { test } from "node:test";
import { readReadme, withConfigurationTable } from "../../docs/configurationTable.ts";

test("the README's configuration table is what Pulumi.yaml declares; npm run -s tables writes it", () => {
  assert.equal(readReadme(), withConfigurationTable(readReadme()));
});
