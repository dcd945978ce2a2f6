/** The life of the identity issuer on the sandbox: renewals that are asked for, and those that cert-manager makes by itself. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { until } from "../../sandbox/until.ts";
import {
  credentials,
  pulumi,
  removeSandbox,
  renew,
  set,
  startSandbox,
  up,
  upChangesNothing,
} from "../stack.ts";

before(async () => {
  await startSandbox();
  await up();
});
after(removeSandbox);

test("a renewal reaches the running identity controller, twenty times in a row", async () => {
  const serials = new Set<string>();
  for (let round = 1; round <= 20; round++) serials.add((await renew()).issuer.serialNumber);
  assert.equal(serials.size, 20, "every renewal brought another issuer");
});

test("renewals are not drift: up and refresh still change nothing", async () => {
  await upChangesNothing();
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

/** Serial number of the issuer that the running identity controller uses, as a real Certify call shows. */
const loadedIssuer = async () => (await credentials()).loaded[0]?.issuer?.serialNumber;

/** Waits until the identity controller uses another issuer; at 1h/59m30s that takes half a minute. */
async function nextIssuer(previous: string | undefined): Promise<string | undefined> {
  let current: string | undefined;
  await until("identity to use another issuer", 120_000, async () => {
    current = await loadedIssuer();
    return (current !== undefined && current !== previous) || `${current}`;
  });
  return current;
}
