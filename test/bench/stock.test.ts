/** The stock program is a fair opponent: on the same versions as ours. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { test } from "node:test";

const project = resolve(import.meta.dirname, "..", "..");
const dependencies = (file: string): Record<string, string> =>
  JSON.parse(readFileSync(join(project, file), "utf8")).dependencies;

test("the stock program has the SDKs that ours has", () => {
  const ours = dependencies("package.json");
  for (const [name, version] of Object.entries(dependencies("bench/stock/package.json"))) {
    assert.equal(version, ours[name], `${name}: change bench/stock/package.json, and run npm install there`);
  }
});
