import assert from "node:assert/strict";
import { test } from "node:test";
import { resolve } from "../../../components/rotatingLinkerdArgs.ts";
import { argumentsOf } from "../../../infra/config.ts";
import type { Seen } from "../../../mesh/rotationEvidence.ts";
import { describePlan, mayTake, planJson, planOf } from "../../../operations/rotate/plan.ts";
import { stageOf } from "../../../rules/rotation/stage.ts";
import { nextStep, stepBack } from "../../../rules/rotation/steps.ts";
import { authority, hoursFromNow, now, parsed } from "../../certificates.ts";
import type { Values } from "../../configured.ts";

const roots = await Promise.all(
  [1, 2].map(async (generation) => {
    const commonName = generation === 1 ? "root.linkerd.cluster.local" : "root-2.linkerd.cluster.local";
    return parsed((await authority({ commonName, notAfter: hoursFromNow(generation * 100) })).certificate);
  }),
);
const settings = resolve({ trustAnchor: { generations: [1, 2], signing: 2 } });
const stage = stageOf(settings)!;

const group = (anchors: typeof roots, namespace: string, ...hours: number[]): Seen["held"][number] => ({
  state: "overlapping",
  skipped: 0,
  anchors,
  pods: hours.map((hour, index) => {
    const name = `workload-${hour}`;
    const workload = { namespace, kind: "Deployment", name };
    return { namespace, name: `${name}-${index}`, workload, createdAt: hoursFromNow(hour) };
  }),
});

const stack = { name: "dev", stage, isHeld: false, settings, mesh: { namespace: "linkerd" } };
const plan = (...held: Seen["held"]) => {
  const seen: Seen = {
    time: now,
    roots: new Map(roots.map((root, index) => [index + 1, root])),
    controllers: [],
    held,
    externalWorkloads: 0,
    pending: [],
  };
  return planOf(stack, seen, nextStep(stage), []);
};

const controlPlane = group(roots, "linkerd", -20);
const paceIn = (...held: Seen["held"]) => {
  const lines = describePlan(plan(controlPlane, ...held)).split("\n");
  const begin = lines.findIndex((line) => line.startsWith("To be restarted"));
  return begin < 0 ? undefined : lines.slice(begin, lines.indexOf("", begin));
};

test("a plan says who is waited for, and until when", () => {
  const old = group(roots.slice(0, 1), "shop", -900, -30);
  assert.deepEqual(paceIn(old, group(roots, "shop", -1)), [
    "To be restarted until they hold generation 2, those that have run longest first:",
    "  Deployment  shop/workload--900  1 pod  running for 37 d 12 h",
    "  Deployment  shop/workload--30   1 pod  running for 30 h 0 min",
    "1 of 3 pods hold it after 20 h 0 min.",
    `At this pace, the last one does by ${hoursFromNow(40).toISOString().replace("T", " ").replace(/\.\d+/, "")}.`,
  ]);
});

test("a plan says that restarts are too slow", () => {
  const old = group(roots.slice(0, 1), "shop", ...Array.from({ length: 12 }, (_, index) => -100 - index));
  const lines = paceIn(old, group(roots, "shop", -1))!;
  assert.equal(lines[11], "  and 2 more workloads: --json lists all");
  assert.match(lines.at(-1)!, /^That is too late\. /);
  assert.equal(JSON.parse(planJson(plan(controlPlane, old))).pace.waiting.length, 12);
});

test("a plan waits for nobody where everyone is through", () => {
  assert.equal(paceIn(group(roots, "shop", -1)), undefined);
});

test("whoever has never heard of a generation is told what it is, when it ends, and what to type", () => {
  const settingsOfOne = resolve({});
  const idle = stageOf(settingsOfOne)!;
  const seen = (time: Date): Seen => ({
    time,
    roots: new Map([[1, roots[0]!]]),
    controllers: [],
    held: [],
    externalWorkloads: 0,
    pending: [],
  });
  const told = (time: Date) =>
    describePlan(
      planOf({ ...stack, stage: idle, settings: settingsOfOne }, seen(time), nextStep(idle), []),
    ).split("\n");
  const formatted = (hours: number) =>
    hoursFromNow(hours).toISOString().replace("T", " ").replace(/\.\d+/, "");
  // From an hour ago to a hundred hours from now: half of it is over in 49.5 hours.
  const about = `A generation is a trust anchor: the root certificate by which the pods of the mesh recognise each other. Generation 1 ends at ${formatted(100)}.`;
  assert.equal(told(now)[1], `${about} It need not be replaced before ${formatted(49.5)}, and can be.`);
  assert.equal(told(hoursFromNow(50))[1], `${about} It is time for the next.`);
  assert.match(told(hoursFromNow(101))[1]!, / Generation 1 ended at \S+ \S+\. It is time for the next\.$/);
  assert.equal(told(now).at(-1), "Nothing stands against it. Type: npm run -s rotate -- begin");
});

test("whoever has to wait is told for what, and how to look again", () => {
  const gate = { demand: "Every pod holds it.", isOpen: false, seen: "1 does not" };
  const waiting = { ...plan(controlPlane), gates: [gate] };
  assert.equal(
    describePlan(waiting).split("\n").at(-1),
    "There is nothing to type until each ✗ has become a ✓; npm run -s rotate -- plan looks again. Then type: npm run -s rotate -- finish",
  );
});

test("whoever cannot wait for a gate is told what to do in its place", () => {
  const shut = { demand: "It lasts.", isOpen: false, seen: "it ended" };
  const fixed = { ...shut, fix: "Mend it." };
  const last = (...gates: (typeof fixed | typeof shut)[]) =>
    describePlan({ ...plan(controlPlane), gates })
      .split("\n")
      .at(-1);
  assert.equal(last(shut, fixed), "Mend it.");
  assert.match(last(shut, { ...fixed, isOpen: true })!, /^There is nothing to type until/);
});

const elsewhere = {
  secret: {
    values: { identityIssuerSource: "secret" },
    told: [
      "Whoever writes Secret linkerd/linkerd-identity-issuer (identityIssuerSource: secret) writes an issuer there that is signed with",
    ],
  },
  vault: {
    values: {
      vaultIssuer: {
        server: "https://vault.example.com:8200",
        path: "pki/root/sign-intermediate",
        auth: { kubernetes: { role: "linkerd" } },
      },
    },
    told: [
      "Whoever keeps Vault (vaultIssuer.server, https://vault.example.com:8200) has it sign with",
      "by the path pki/root/sign-intermediate. Then: npm run -s renew",
      "set vaultIssuer.path to that. Then: pulumi up, and npm run -s renew",
    ],
  },
  issuerRef: {
    values: { identityIssuerRef: { name: "company", kind: "ClusterIssuer" } },
    told: [
      "Whoever keeps ClusterIssuer company (identityIssuerRef) has it sign with",
      "set identityIssuerRef to that. Then: pulumi up, and npm run -s renew",
    ],
  },
} as const;

/** The plan of a stack for which someone else signs with the generation `led`. */
function planElsewhere(values: Values, led: number, isShut = false) {
  const own = resolve(argumentsOf({ trustAnchorGenerations: [1, 2], ...values }));
  const its = stageOf(own, led)!;
  const step = led === 1 ? nextStep(its) : stepBack(its, own)!;
  const seen = plan(controlPlane).seen;
  const gate = { demand: "Every pod holds it.", isOpen: !isShut, seen: "" };
  return planOf({ ...stack, settings: own, stage: its }, seen, step, [gate]);
}

for (const [name, { values, told }] of Object.entries(elsewhere)) {
  test(`a step of whoever signs elsewhere says who is to do what, and when it is safe: ${name}`, () => {
    for (const [led, signer, command] of [
      [1, 'generation 2, "root-2.linkerd.cluster.local"', "activate"],
      [2, 'generation 1, "root.linkerd.cluster.local"', "abort"],
    ] as const) {
      const text = describePlan(planElsewhere(values, led));
      for (const words of [...told, signer, ", which is not done here:"])
        assert.ok(text.includes(words), text);
      assert.equal(
        text.split("\n").at(-1),
        `Nothing stands against it: it is safe now. When it has been done, type: npm run -s rotate -- ${command}`,
      );
      assert.match(describePlan(planElsewhere(values, led, true)), /Only then is it safe/);
      assert.equal(mayTake(planElsewhere(values, led)), false);
      const { next } = JSON.parse(planJson(planElsewhere(values, led)));
      assert.deepEqual([next.edit, next.handover.length > 0, next.isOpen], [[], true, true]);
    }
  });
}

test("where the key of a root that is theirs to sign with is here, the plan says where", () => {
  assert.match(
    describePlan(planElsewhere(elsewhere.vault.values, 1)),
    /Its key is in Secret linkerd\/linkerd-trust-anchor-2\./,
  );
  const provided = { 2: { certificatePem: "certificate" } };
  assert.doesNotMatch(
    describePlan(planElsewhere({ ...elsewhere.vault.values, providedTrustAnchors: provided }, 1)),
    /Its key is in/,
  );
});

test("who signs elsewhere with a root of their own is asked for the next one", () => {
  const settingsOfOne = resolve(
    argumentsOf({
      ...elsewhere.secret.values,
      providedTrustAnchors: { 1: { certificatePem: "certificate" } },
    }),
  );
  const idle = stageOf(settingsOfOne, 1)!;
  const begun = planOf({ ...stack, stage: idle, settings: settingsOfOne }, plan().seen, nextStep(idle), []);
  assert.match(describePlan(begun), /providedTrustAnchors\.2: \{"certificateFile":"<pem>"\}/);
  assert.match(describePlan(begun), /Type: npm run -s rotate -- begin --certificate-file <pem>$/);
});
