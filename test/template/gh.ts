/** `gh api`, as far as the workflow uses it: GitHub's own program cannot be had where these tests run. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    paginate: { type: "boolean" },
    silent: { type: "boolean" },
    method: { type: "string" },
    field: { type: "string" },
    jq: { type: "string" },
  },
});
const [command, path, ...more] = positionals;
assert.deepEqual([command, more], ["api", []]);
const url = new URL(path!, `${process.env.GH_API}/`);
const { field, jq, method = field === undefined ? "GET" : "POST" } = values;

async function ask(page: number): Promise<unknown> {
  if (values.paginate) url.searchParams.set("page", String(page));
  const [, name, file] = /^(\w+)=@(.+)$/.exec(field ?? "") ?? [];
  const response = await fetch(url, {
    method,
    headers: { Authorization: `Bearer ${process.env.GH_TOKEN}` },
    ...(field === undefined ? {} : { body: JSON.stringify({ [name!]: readFileSync(file!, "utf8") }) }),
  });
  const answer = await response.json();
  assert.ok(response.ok, `${method} ${url}: HTTP ${response.status}`);
  return answer;
}

for (let page = 1; ; page++) {
  const answer = await ask(page);
  const isLast = !values.paginate || (answer as unknown[]).length === 0;
  if (isLast && values.paginate) break;
  const shown = JSON.stringify(answer);
  // A page at a time, as gh does it.
  const output =
    jq === undefined ? shown : execFileSync("jq", ["-r", jq], { input: shown, encoding: "utf8" });
  if (!values.silent) process.stdout.write(output);
  if (isLast) break;
}
