import assert from "node:assert/strict";
import { test } from "node:test";
import { describeForecast, describePlan } from "../../../operations/recover/describe.ts";
import { hoursFromNow, now } from "../../certificates.ts";

const fault = { subject: "Secret linkerd/x", message: "It does not exist." };
const remedy = {
  name: "update" as const,
  does: "run pulumi up --refresh",
  found: [fault],
  why: "The stack has it.",
  interrupts: "nothing",
  milliseconds: 60_000,
};

test("a plan says of each remedy what is found, why, what it interrupts and for how long; and what is left to others", () => {
  const obstacle = { ...fault, subject: "Job shop/once", fix: "Whoever has made it has to make it anew." };
  const text = describePlan({
    remedies: [remedy],
    obstacles: [obstacle],
    waiting: [{ ...remedy, name: "workloads", does: "restart 1 workload" }],
    isPartial: true,
  });
  assert.equal(
    text,
    `To recover, in this order, each only on the evidence of the one before:

1. Run pulumi up --refresh
     Found: Secret linkerd/x: It does not exist.
     Why: The stack has it.
     Interrupts: nothing
     Takes: about 1 min 0 s

What comes after that can be seen only then: it is told before it is done.

What this command leaves to you:
  Job shop/once: It does not exist.
    Fix: Whoever has made it has to make it anew.

What waits until then:
  To restart 1 workload
     Found: Secret linkerd/x: It does not exist.`,
  );
});

test("of many things that are found, five are told", () => {
  const found = Array.from({ length: 7 }, (_, index) => ({ ...fault, subject: `Secret linkerd/${index}` }));
  const text = describePlan({
    remedies: [{ ...remedy, found }],
    waiting: [],
    obstacles: [],
    isPartial: false,
  });
  assert.equal(text.match(/Found: /g)?.length, 5);
  assert.match(text, /and 2 more: --json lists all/);
});

test("a forecast says what is nearest, and what would be if all that renews stopped", () => {
  const nearest = { state: "the anchor ends", at: hoursFromNow(48), advice: "Rotate it." };
  const ifStopped = { state: "a leaf ends", at: hoursFromNow(1), prevention: "its proxy, which renews it" };
  const [first, second] = describeForecast({ nearest, ifStopped }, now).split("\n");
  assert.match(
    first!,
    /^Nearest that nobody prevents by itself: in 2 d 0 h, at \S+ \S+Z, the anchor ends\. Rotate it\.$/,
  );
  assert.match(second!, /: in 1 h 0 min, .* Prevented by its proxy, which renews it\.$/);
});
