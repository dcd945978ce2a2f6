/** Pulumi.yaml, the program's table of keys and the components' defaults say the same. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { test } from "node:test";
import * as pulumi from "@pulumi/pulumi";
import { parse } from "yaml";
import { RotatingLinkerd } from "../../components/index.ts";
import { readConfiguration, types } from "../../infra/config.ts";
import { type Registration, record } from "../registrations.ts";

const projectDirectory = resolve(import.meta.dirname, "..", "..");
const readYaml = (file: string) => parse(readFileSync(join(projectDirectory, file), "utf8"));

const { name, config } = readYaml("Pulumi.yaml") as {
  name: string;
  config: Record<string, { type: string; items?: { type: string }; default: unknown; description: string }>;
};

/** The defaults as the engine hands them over. */
const declaredDefaults = Object.fromEntries(
  Object.entries(config).map(([key, { default: value }]) => [
    key,
    typeof value === "object" ? JSON.stringify(value) : String(value),
  ]),
);

test("both list the same keys with the same types", () => {
  const declared = Object.entries(config).map(([key, { type }]) => [key, type]);
  const read = Object.entries(types).map(([key, type]) => [key, type.name]);
  assert.deepEqual(Object.fromEntries(declared), Object.fromEntries(read));
});

test("every key has a default, without which the engine would demand it, and a description", () => {
  for (const [key, declaration] of Object.entries(config)) {
    assert.notEqual(declaration.default ?? undefined, undefined, key);
    assert.match(declaration.description, /^[A-Zc].*\.$/s, key);
  }
});

test("with the declared defaults, everything is registered as with none", async () => {
  const registered = async (settings: Record<string, string>): Promise<readonly Registration[]> => {
    const { registrations } = await record(
      () => new RotatingLinkerd("linkerd", readConfiguration().linkerd),
      { config: settings },
    );
    return registrations.toSorted((left, right) =>
      `${left.type} ${left.name}`.localeCompare(`${right.type} ${right.name}`),
    );
  };
  assert.deepEqual(await registered(declaredDefaults), await registered({}));
});

test("the stack of a development cluster sets only what there is", async () => {
  const stack = readYaml("Pulumi.dev.yaml") as { config: Record<string, unknown>; encryptionsalt?: string };
  assert.equal(stack.encryptionsalt, undefined, "a salt belongs to one user's passphrase");
  const settings = Object.fromEntries(
    Object.entries(stack.config).map(([key, value]) => [
      key.replace(`${name}:`, ""),
      typeof value === "object" ? JSON.stringify(value) : String(value),
    ]),
  );
  await record(() => readConfiguration(), { config: { ...declaredDefaults, ...settings } });
});

test("the project's name is the components' package", () => {
  assert.equal(name, pulumi.getProject());
});
