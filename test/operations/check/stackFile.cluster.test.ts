/** Pulumi itself decides what a stack's file says. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { configurationOf } from "../../../infra/config.ts";
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

/** Makes a stack of a project with this file, and gives what calls Pulumi on it, which may fail. */
async function stackOf(cwd: string, projectFile: string): Promise<(...options: string[]) => string> {
  const { programs } = await ensureToolchain(console.log);
  mkdirSync(join(cwd, "state"), { recursive: true });
  writeFileSync(join(cwd, "Pulumi.yaml"), projectFile);
  const env = {
    ...process.env,
    PULUMI_CONFIG_PASSPHRASE: "test",
    PULUMI_BACKEND_URL: `file://${join(cwd, "state")}`,
    PULUMI_SKIP_UPDATE_CHECK: "true",
    PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: "true",
  };
  const pulumi = (...options: string[]) => {
    const all = [...options, "--stack", "test", "--non-interactive"];
    const { stdout, stderr, status } = spawnSync(programs.pulumi!, all, { cwd, env, encoding: "utf8" });
    return status === 0 ? stdout : stderr + stdout;
  };
  pulumi("stack", "init");
  return pulumi;
}

test("a file says what it says to Pulumi: numbers, words, maps and lists", async () => {
  const pulumi = await stackOf(directory, `name: ${project}\nruntime: nodejs\n`);

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

test("what Pulumi refuses by its type, check refuses, too; and its fix is what Pulumi takes", async () => {
  const folder = join(directory, "typed");
  const pulumi = await stackOf(folder, readFileSync("Pulumi.yaml", "utf8"));
  const file = join(folder, "Pulumi.test.yaml");
  const salt = readFileSync(file, "utf8");
  const findings = () => {
    const stack = readStackFile(file);
    assert.ok("texts" in stack);
    return configurationOf(stack).findings.filter(({ rule }) => rule === "setting-type");
  };
  const refusal = / with configuration key '\w+' must be of type /;
  for (const [setting, isRefused] of [
    ["trustAnchorGenerations: '[1]'", true],
    ["trustAnchorGenerations: [1]", false],
    ['trustAnchorGenerations: ["1"]', false],
    ["trustAnchorGenerations: [null, 1]", true],
    ["trustAnchorGenerations: { a: 1 }", true],
    ["certManagerValues: '{}'", true],
    ["certManagerValues:", true],
    ["certManagerValues: []", true],
    ["certManagerValues: {}", false],
    ["trustDomain: [a]", true],
    ["trustDomain: {}", true],
    ["trustDomain: 1", false],
    ["signingGeneration: [1]", true],
    ["signingGeneration: '1'", false],
    ["protectTrustAnchors: {}", true],
    ["protectTrustAnchors: 'true'", false],
  ] as const) {
    writeFileSync(file, `${salt}config:\n  ${project}:${setting}\n`);
    assert.equal(refusal.test(pulumi("preview")), isRefused, setting);
    assert.deepEqual(findings().length, isRefused ? 1 : 0, setting);
  }
  writeFileSync(file, salt);
  pulumi("config", "set", "trustAnchorGenerations", "[1, 2]");
  const commands = findings()[0]!.fix.matchAll(/pulumi (config set --path) '(.*?)' (\d)/g);
  for (const [, command, path, value] of commands) pulumi(...command!.split(" "), path!, value!);
  assert.doesNotMatch(pulumi("preview"), refusal);
  assert.deepEqual(findings(), []);
});
