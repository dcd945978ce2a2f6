/** Pulumi itself decides what a stack's file says. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { readStackFile } from "../../../operations/check/stack.ts";
import { ensureToolchain } from "../../../sandbox/toolchain/toolchain.ts";

const project = "linkerd-rotating-tls";
const directory = mkdtempSync(join(tmpdir(), "stack-file-"));
after(() => rmSync(directory, { recursive: true }));

const scalars = [
  ..."010 1_000 0o17 0b11 0x1F 08 +12 -010 -0x10 -0b1 +0b1 00 -0 1__0 1_ _1 0x1_F 0_8".split(" "),
  ..."18446744073709551616 12345678901234567890123 1e3 1. .5 -.5 +.5 0.1e1 1_0.5 .1_5 1e-7 1e21 1e20 1.50".split(
    " ",
  ),
  ..."1.5.2 190:20:30 0b 0x 0o8 yes on True TRUE tRUE null ~ Null a a- 2026-13-01 2026.8.3 v1.21.2".split(
    " ",
  ),
  ...['"010"', "'1_000'", "!!str 5", "a b\n    c", "", "[010, [1_0]]", "{ <<: { a: 010 }, c: 1 }"],
  "{ 1: a, 010: b, true: c, x: { y: 1 } }",
];

test("a file says what it says to Pulumi: numbers, words, maps and lists", async () => {
  const { programs } = await ensureToolchain(console.log);
  mkdirSync(join(directory, "state"));
  writeFileSync(join(directory, "Pulumi.yaml"), `name: ${project}\nruntime: nodejs\n`);
  const env = {
    ...process.env,
    PULUMI_CONFIG_PASSPHRASE: "test",
    PULUMI_BACKEND_URL: `file://${join(directory, "state")}`,
    PULUMI_SKIP_UPDATE_CHECK: "true",
  };
  const pulumi = (...options: string[]) =>
    execFileSync(programs.pulumi!, [...options, "--stack", "test"], {
      cwd: directory,
      env,
      encoding: "utf8",
    });
  pulumi("stack", "init");

  const lines = scalars.flatMap((scalar, index) => [
    `  ${project}:top${index}: ${scalar}`,
    `  ${project}:within${index}: { part: ${scalar.replaceAll("\n", " ")} }`,
  ]);
  const file = join(directory, "Pulumi.test.yaml");
  writeFileSync(file, ["config:", ...lines, `  ${project}:block: |\n    x\n    y`, ""].join("\n"));
  const said = JSON.parse(pulumi("config", "--json")) as Record<string, { value: string }>;
  const read = readStackFile(file);
  assert.ok("texts" in read);
  assert.equal(Object.keys(said).length, 2 * scalars.length + 1);
  const normal = (text = "") => {
    try {
      return JSON.stringify(Object.entries(JSON.parse(text)).sort());
    } catch {
      return text;
    }
  };
  for (const [key, { value }] of Object.entries(said)) {
    const isObject = /^[[{]/.test(value);
    const ours: string | undefined = read.texts[key];
    assert.equal(isObject ? normal(ours) : ours, isObject ? normal(value) : value, key);
  }
});
