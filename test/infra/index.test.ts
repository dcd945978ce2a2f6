import assert from "node:assert/strict";
import { cpSync } from "node:fs";
import { join } from "node:path";
import { before, test } from "node:test";
import * as pulumi from "@pulumi/pulumi";
import { startApiServer } from "../mesh/apiServer.ts";
import { type Recorded, record, type StackSettings } from "../registrations.ts";

type Program = typeof import("../../infra/index.ts");

// The gates would look at the cluster of whoever runs this.
const api = await startApiServer();
api.objects = { "/version": { major: "1", minor: "31", gitVersion: "v1.31.0" } };
process.env.KUBECONFIG = api.kubeconfig;

let runs = 0;

/** The program as the engine runs it: anew each time. */
function run(settings: StackSettings): Promise<Recorded<Program>> {
  const entry = new URL("../../infra/index.ts", import.meta.url);
  entry.search = `run=${runs++}`;
  return record(() => import(entry.href) as Promise<Program>, settings);
}

const provider = "pulumi:providers:kubernetes";

let program: Recorded<Program>;
before(async () => {
  program = await run({});
});

test("the provider changes Secrets in place, and finds the cluster as kubectl does, in every shell", async () => {
  const expected = { enableSecretMutable: "true", kubeconfig: "" };
  assert.deepEqual(program.find(provider, "kubernetes").inputs, expected);
  const before = process.env.KUBECONFIG;
  process.env.KUBECONFIG = join(api.directory, "elsewhere");
  cpSync(api.kubeconfig, process.env.KUBECONFIG);
  try {
    assert.deepEqual((await run({})).find(provider, "kubernetes").inputs, expected);
  } finally {
    if (before === undefined) delete process.env.KUBECONFIG;
    else process.env.KUBECONFIG = before;
  }
});

test("a stack can name its cluster", async () => {
  const { find } = await run({ config: { kubeconfig: api.kubeconfig, kubeContext: "test" } });
  assert.deepEqual(find(provider, "kubernetes").inputs, {
    enableSecretMutable: "true",
    kubeconfig: api.kubeconfig,
    context: "test",
  });
});

test("there is no provider but this one for Kubernetes", () => {
  const others = program.registrations.filter(
    (one) => one.type.startsWith("kubernetes:") && one.provider !== "kubernetes",
  );
  assert.deepEqual(others, []);
});

test("exactly these outputs, and none holds a key", async () => {
  const outputs = { ...program.result };
  assert.deepEqual(Object.keys(outputs).sort(), [
    "chartVersions",
    "identityIssuerSecret",
    "trustAnchors",
    "trustBundlePem",
  ]);
  const all = await new Promise<string>((done) =>
    pulumi.output(outputs).apply((values) => done(JSON.stringify(values))),
  );
  assert.match(all, /BEGIN CERTIFICATE/);
  assert.doesNotMatch(all, /PRIVATE KEY/);
  assert.match(all, /"identityIssuerSecret":\{"namespace":"linkerd","name":"linkerd-identity-issuer"\}/);
  assert.match(
    all,
    /"chartVersions":\{"certManager":"v1.21.2","linkerdCrds":"2026.8.3","linkerdControlPlane":"2026.8.3"\}/,
  );
});

test("a configuration that is not right ends the program before it registers anything", async () => {
  let failure: unknown;
  const { registrations } = await record(
    async () => {
      const entry = new URL("../../infra/index.ts?refused", import.meta.url);
      failure = await import(entry.href).catch((error: unknown) => error);
    },
    { config: { issuerDuration: "soon" } },
  );
  assert.ok(pulumi.RunError.isInstance(failure));
  assert.deepEqual(registrations, []);
});
