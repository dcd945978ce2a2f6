/**
 * Linkerd's own identity controller decides about every known trap and some hundred random sets, and our verdict agrees.
 * Many thousand random sets are for `npm run test:oracle`.
 */
import assert from "node:assert/strict";
import { availableParallelism } from "node:os";
import { after, before, test } from "node:test";
import { reset, up } from "../../sandbox/lifecycle.ts";
import { sandboxName } from "../stack.ts";
import {
  type Compared,
  compareAll,
  describeDifference,
  describeReport,
  isDifference,
  reportOn,
} from "./comparison.ts";
import { type IdentityOracle, identityOracles } from "./identityController.ts";
import { randomRecipes } from "./randomRecipe.ts";
import { make, soundRecipe } from "./recipe.ts";
import { allTraps, traps } from "./traps.ts";

let oracles: readonly IdentityOracle[];

before(async () => {
  await reset(sandboxName, console.log);
  await up(sandboxName, {}, console.log);
  oracles = await identityOracles(sandboxName, 4 * availableParallelism());
});

after(() => reset(sandboxName, console.log));

/** Fails with every set about which we are wrong. */
function assertAgreement(compared: readonly Compared[]): void {
  console.log(describeReport(reportOn(compared)));
  const differences = compared.filter(isDifference);
  assert.equal(differences.length, 0, differences.map(describeDifference).join("\n"));
}

test("every trap is what it is said to be, and is refused where Linkerd refuses it", async () => {
  const compared = await compareAll(allTraps(), oracles, async function* (oracle, sets) {
    for (const texts of sets) yield await oracle.start(texts);
  });
  assertAgreement(compared);
  assert.deepEqual(
    compared.map(({ changes, outcome }) => `${changes[0]}: ${outcome.stage}`),
    Object.entries(traps).map(([name, { outcome }]) => `${name}: ${outcome}`),
  );
});

test("random sets, the same in every run, are refused where Linkerd refuses them", async () => {
  const compared = await compareAll(randomRecipes(20261124, 300), oracles, (oracle, sets) =>
    oracle.startOnce(sets),
  );
  assertAgreement(compared);
});

test("a running controller refuses at a reload what it refuses at its start, and keeps the issuer that it has", async () => {
  const sound = make(soundRecipe());
  const refused = allTraps().filter(({ changes }) => {
    const [name] = changes;
    return name?.startsWith("issuer") || name?.startsWith("key");
  });
  const compared = await compareAll(refused, oracles, async function* (oracle, sets) {
    for (const texts of sets) yield await oracle.reload(sound, texts);
  });
  assertAgreement(compared);
});
