/** The life of the identity issuer on the sandbox: renewals that are asked for, and those that cert-manager makes by itself. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { reset } from "../../sandbox/lifecycle.ts";
import { until } from "../../sandbox/until.ts";
import { execute, sandboxName, succeed, testSandbox } from "./sandbox.ts";

let environment: NodeJS.ProcessEnv;

const pulumi = (...args: string[]) => succeed(environment, "pulumi", ...args);
const up = (...args: string[]) => pulumi("up", "--yes", "--skip-preview", ...args);
const set = (key: string, value: string) => pulumi("config", "set", key, value);

before(async () => {
  await reset(sandboxName, console.log);
  environment = await testSandbox();
  await up();
});

after(() => reset(sandboxName, console.log));

test("a renewal reaches the running identity controller, twenty times in a row", async () => {
  const serials = new Set<string>();
  for (let round = 1; round <= 20; round++) {
    const { stdout } = await succeed(environment, process.execPath, "operations/renew/renew.ts", "--json");
    const renewal = JSON.parse(stdout) as { issuer: { serialNumber: string } };
    serials.add(renewal.issuer.serialNumber);
  }
  assert.equal(serials.size, 20, "every renewal brought another issuer");
});

test("renewals are not drift: up and refresh still change nothing", async () => {
  await up("--expect-no-changes");
  await pulumi("refresh", "--yes", "--skip-preview", "--expect-no-changes");
});

test("a whole life of the issuer at 1h/59m30s: cert-manager renews by itself, and identity follows", async () => {
  await set("issuanceLifetime", "20m");
  await set("issuerDuration", "1h");
  await set("issuerRenewBefore", "59m30s");
  await up();
  const first = await loadedIssuer();
  const second = await nextIssuer(first);
  const third = await nextIssuer(second);
  assert.equal(new Set([first, second, third]).size, 3);
});

/** Serial number of the issuer that the running identity controller uses, by a real Certify call. */
async function loadedIssuer(): Promise<string | undefined> {
  // Between two issuers some credentials are a problem, which the exit code tells.
  const { stdout } = await execute(environment, process.execPath, [
    "operations/credentials/credentials.ts",
    "--json",
  ]);
  const { loaded } = JSON.parse(stdout) as { loaded: { issuer?: { serialNumber: string } }[] };
  return loaded[0]?.issuer?.serialNumber;
}

/** Waits until the identity controller uses another issuer; at 1h/59m30s that takes half a minute. */
async function nextIssuer(previous: string | undefined): Promise<string | undefined> {
  let current: string | undefined;
  await until("identity to use another issuer", 120_000, async () => {
    current = await loadedIssuer();
    return (current !== undefined && current !== previous) || `${current}`;
  });
  return current;
}
