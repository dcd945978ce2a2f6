/** Private keys stay where they belong: nothing that Pulumi writes, prints or passes on holds one in plain text. */
import assert from "node:assert/strict";
import { createPrivateKey } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { CoreV1Api } from "@kubernetes/client-node";
import { reset, sandboxPaths } from "../../sandbox/lifecycle.ts";
import { execute, kubeConfig, sandboxName, succeed, testSandbox } from "./sandbox.ts";

let environment: NodeJS.ProcessEnv;
/** Texts to search, by where they come from. */
const texts = new Map<string, string>();

before(async () => {
  await reset(sandboxName, console.log);
  environment = await testSandbox();
  const eventLog = join(sandboxPaths(sandboxName).directory, "events.json");
  const commandLines = watchCommandLines();
  const up = await execute(environment, "pulumi", [
    "up",
    "--yes",
    "--skip-preview",
    "--logtostderr",
    "--logflow",
    "-v=9",
    `--event-log=${eventLog}`,
  ]);
  assert.equal(up.code, 0, up.stdout);
  texts.set("process arguments", commandLines());
  texts.set("pulumi up's output", up.stdout);
  texts.set("the engine's log", up.stderr);
  texts.set("the event log", readFileSync(eventLog, "utf8"));
  for (const [title, ...args] of [
    ["the stack's outputs", "stack", "output", "--json"],
    ["the exported state", "stack", "export"],
    ["a preview with its diff", "preview", "--diff", "--json"],
    ["the stack's configuration", "config", "--json"],
  ] as const) {
    texts.set(title, (await succeed(environment, "pulumi", ...args)).stdout);
  }
  const state = sandboxPaths(sandboxName).pulumiState;
  for (const entry of readdirSync(state, { recursive: true, withFileTypes: true })) {
    if (entry.isFile())
      texts.set(`state file ${entry.name}`, readFileSync(join(entry.parentPath, entry.name), "utf8"));
  }
  const { logs } = sandboxPaths(sandboxName);
  for (const file of readdirSync(logs))
    texts.set(`sandbox log ${file}`, readFileSync(join(logs, file), "utf8"));
  const renewal = await succeed(environment, process.execPath, "operations/renew.ts", "--json");
  texts.set("renew's output", renewal.stdout + renewal.stderr);
  const credentials = await succeed(environment, process.execPath, "operations/credentials.ts");
  texts.set("credentials' output", credentials.stdout + credentials.stderr);
});

after(() => reset(sandboxName, console.log));

test("nothing holds a private key in PEM", () => {
  for (const [where, text] of texts) assert.doesNotMatch(text, /PRIVATE KEY/, where);
});

test("nothing holds the bytes of a private key, in any of the usual encodings", async () => {
  const core = kubeConfig().makeApiClient(CoreV1Api);
  for (const name of ["linkerd-trust-anchor", "linkerd-identity-issuer"]) {
    const secret = await core.readNamespacedSecret({ namespace: "linkerd", name });
    const encoded = secret.data!["tls.key"]!;
    const pem = Buffer.from(encoded, "base64").toString();
    const scalar = Buffer.from(createPrivateKey(pem).export({ format: "jwk" }).d!, "base64url");
    const body = pem.split("\n").filter((line) => line !== "" && !line.startsWith("-"));
    const needles = [encoded.slice(0, 64), ...body, scalar.toString("hex"), scalar.toString("base64url")];
    for (const [where, text] of texts) {
      for (const needle of needles) assert.ok(!text.includes(needle), `the key of ${name} is in ${where}`);
    }
  }
});

test("the search would find a key: the Secret's own text holds one", async () => {
  const { stdout } = await succeed(
    environment,
    "kubectl",
    "get",
    "secret",
    "-n=linkerd",
    "linkerd-trust-anchor",
    "-o=jsonpath={.data.tls\\.key}",
  );
  assert.match(Buffer.from(stdout, "base64").toString(), /PRIVATE KEY/);
});

/** Collects the command lines of every process until the function that it gives is called. */
function watchCommandLines(): () => string {
  const seen = new Set<string>();
  const look = () => {
    for (const entry of readdirSync("/proc")) {
      if (!/^\d+$/.test(entry)) continue;
      try {
        seen.add(readFileSync(`/proc/${entry}/cmdline`, "utf8").replaceAll("\0", " "));
      } catch {
        // It has ended meanwhile.
      }
    }
  };
  const timer = setInterval(look, 20);
  return () => {
    clearInterval(timer);
    return [...seen].join("\n");
  };
}
