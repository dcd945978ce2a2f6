/** Pulumi itself decides what a stack's file says. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { readStackYaml } from "../../../operations/check/stackYaml.ts";
import { ensureToolchain } from "../../../sandbox/toolchain/toolchain.ts";

const project = "yaml";
const directory = mkdtempSync(join(tmpdir(), "stack-yaml-"));
after(() => rmSync(directory, { recursive: true }));
let pulumi: (...options: string[]) => string;

before(async () => {
  const { programs } = await ensureToolchain(console.log);
  mkdirSync(join(directory, "state"));
  writeFileSync(join(directory, "Pulumi.yaml"), `name: ${project}\nruntime: nodejs\n`);
  const env = {
    ...process.env,
    PULUMI_CONFIG_PASSPHRASE: "test",
    PULUMI_BACKEND_URL: `file://${join(directory, "state")}`,
    PULUMI_SKIP_UPDATE_CHECK: "true",
  };
  pulumi = (...options) =>
    execFileSync(programs.pulumi!, [...options, "--stack", "test"], {
      cwd: directory,
      env,
      encoding: "utf8",
      stdio: ["ignore", "pipe", "pipe"],
    });
  pulumi("stack", "init");
});

/** As the engine hands a value to the program. */
const textOf = (value: unknown) => {
  const exact = (_key: string, part: unknown) => (typeof part === "bigint" ? Number(part) : part);
  return typeof value === "object" && value !== null ? JSON.stringify(value, exact) : String(value ?? "");
};

const scalars = [
  ..."010 1_000 0o17 0b11 0x1F 08 +12 -010 -0x10 -0b1 -0o7 +0b1 0B1 0X1f 0O7 00 -0 1__0 1_ _1 0x1_F 0_8".split(
    " ",
  ),
  ..."9007199254740993 -9007199254740993 9223372036854775807 -9223372036854775808 18446744073709551615".split(
    " ",
  ),
  ..."18446744073709551616 12345678901234567890123 1e3 1. .5 -.5 +.5 0.1e1 1_0.5 .1_5 1e-7 1e21 1e20 1.50".split(
    " ",
  ),
  ..."1.5.2 190:20:30 0b 0x 0o8 yes on True TRUE tRUE null ~ Null a a- 2026-01-01 2026-1-2 2026-13-01".split(
    " ",
  ),
  ..."2026-02-30 2026-01-01T10:00:00Z 2001-12-14t21:59:43.10-05:00 2026-01-01T10:00:00.500+00:00".split(" "),
  ...[
    "2026-01-01T24:00:00Z",
    "2026-01-01 10:00:00",
    '"010"',
    "'1_000'",
    "!!str 5",
    "a b\n    c",
    "",
    "[010, [1_0]]",
  ],
];

test("a file says what it says to Pulumi: numbers, words, times, maps and lists", () => {
  const lines = scalars.flatMap((scalar, index) => [
    `  ${project}:top${index}: ${scalar}`,
    `  ${project}:within${index}: { part: ${scalar.replaceAll("\n", " ")} }`,
  ]);
  const file = [
    "base: &base { a: 010 }",
    "config:",
    ...lines,
    `  ${project}:keys: { 1: a, 010: b, true: c, x: { y: 1 } }`,
    `  ${project}:merged: { <<: *base, c: 1 }`,
    `  ${project}:block: |\n    x\n    y`,
    "",
  ].join("\n");
  writeFileSync(join(directory, "Pulumi.test.yaml"), file);
  const said = JSON.parse(pulumi("config", "--json")) as Record<string, { value: string }>;
  const read = readStackYaml(file)!;
  const normal = (text: string) => {
    try {
      return JSON.stringify(Object.entries(JSON.parse(text)).sort());
    } catch {
      return text;
    }
  };
  assert.equal(Object.keys(said).length, Object.keys(read).length);
  for (const [key, { value }] of Object.entries(said)) {
    const isText = typeof read[key] !== "object" || read[key] === null;
    const scalar = scalars[Number(/\d+$/.exec(key)?.[0])];
    assert.equal(
      isText ? textOf(read[key]) : normal(textOf(read[key])),
      isText ? value : normal(value),
      `${key}: ${scalar}`,
    );
  }
});

test("what JSON cannot hold is refused, as Pulumi does", () => {
  for (const number of [".inf", "-.inf", ".nan"]) {
    const file = `config:\n  ${project}:number: ${number}\n`;
    writeFileSync(join(directory, "Pulumi.test.yaml"), file);
    assert.throws(() => pulumi("config", "--json"), /unsupported value/);
    assert.throws(() => readStackYaml(file), /JSON cannot hold/);
  }
});
