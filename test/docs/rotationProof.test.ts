import assert from "node:assert/strict";
import { test } from "node:test";
import { readPage } from "../../docs/pages.ts";
import { readRotations, rotationProofPage, rotationSteps } from "../../docs/rotationProofPage.ts";

const quiet = { way: "one", step: "begin", seconds: 9, connections: 12_345, refused: {}, unreachable: 0 };
const calm = { ...quiet, renewals: { ok: 70, failed: 0 }, replaced: 0, rolls: 1 };
const loud = {
  ...calm,
  step: "end",
  refused: { UnknownIssuer: 2_000, Expired: 1 },
  renewals: { ok: 0, failed: 3 },
};

test("each step of a rotation is a row, with what was refused by its reason", () => {
  assert.deepEqual(rotationSteps([calm, loud]).split("\n").slice(2), [
    "| one | begin | 9 | 12 345 | 0 | 0 | 70 | 0 | 0 | 1 |",
    "|  | end | 9 | 12 345 | 2 000 UnknownIssuer, 1 Expired | 0 | 0 | 3 | 0 | 1 |",
  ]);
});

test("the page says on what it was measured", () => {
  const page = rotationProofPage({
    proxies: { simulated: 190, running: 10 },
    leafSeconds: 120,
    rotations: 1,
    steps: [calm],
    machine: "2 × a processor",
    load: 3,
    day: "2026-01-01",
  });
  assert.match(page, /^200 proxies \(190 of simulated pods, 10 of pods that run\)/m);
  assert.match(page, /; 1 rotation; 2 × a processor, with a load average of 3; 2026-01-01\.$/m);
});

test("the README says how many connections of the rotations that are kept there were, and that none was refused", () => {
  const { rotations, steps } = readRotations();
  const rotated = steps.filter(({ way }) => way.startsWith("Rotation "));
  assert.equal(rotations, 10, "ten in a row, says the README");
  assert.deepEqual(
    rotated.filter(({ refused, renewals }) => Object.keys(refused).length + renewals.failed > 0),
    [],
  );
  const connections = rotated.reduce((sum, step) => sum + step.connections, 0);
  const written = connections.toLocaleString("en").replaceAll(",", " ");
  assert.ok(readPage("README.md").includes(`of ${written} connections none was refused`), written);
});
