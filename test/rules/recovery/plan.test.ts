import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { type Evidence, type MeshEvidence, planOf, type Stranded } from "../../../rules/recovery/plan.ts";

const sound: MeshEvidence = {
  ended: [],
  refusing: [],
  issuer: { faults: [], certificate: "linkerd-identity-issuer", hindrances: [] },
  identity: [],
  webhooks: { faults: [], hindrances: [] },
  stranded: [],
  namespace: "linkerd",
  restartMilliseconds: 0,
  unmeshed: [],
  unseen: [],
};

const evidence = (mesh: Partial<MeshEvidence> | undefined, ground: Partial<Evidence> = {}): Evidence => ({
  time: new Date(),
  unfinished: [],
  ownsBundle: true,
  objects: [],
  ...ground,
  ...(mesh && { mesh: { ...sound, ...mesh } }),
});

const namesOf = (...args: Parameters<typeof evidence>) =>
  planOf(evidence(...args)).remedies.map(({ name }) => name);

const leftOf = (...args: Parameters<typeof evidence>) =>
  planOf(evidence(...args)).obstacles.map(({ subject }) => subject);

const fault = { subject: "Secret linkerd/linkerd-identity-issuer", message: "It has expired." };
const missing = { subject: "Secret linkerd/linkerd-trust-anchor", message: "It does not exist." };
const empty = { subject: "ConfigMap linkerd/linkerd-identity-trust-roots", message: "It is empty." };
const silent = {
  subject: "Pod linkerd/linkerd-identity-1",
  message: "It gives no certificate.",
  isComing: false,
};
const root = { subject: 'Trust anchor "root"', message: "It expired.", isRoot: true };
const cross = { subject: "The cross certificate of generation 2", message: "It expired.", isRoot: false };
const stopped = { subject: "Deployment cert-manager/cert-manager", message: "It is not running." };

const strandedIn = (namespace: string, name: string, canRestart = true): Stranded => ({
  workload: { namespace, kind: canRestart ? "Deployment" : "Job", name },
  canRestart,
  pods: 1,
  reason: "its leaf has ended",
});

suite("A plan", () => {
  test("is empty for a mesh that is whole", () => {
    assert.deepEqual(planOf(evidence({})), {
      remedies: [],
      waiting: [],
      obstacles: [],
      isPartial: false,
    });
  });

  test("has everything in the order in which one thing stands on another", () => {
    const all = {
      issuer: { ...sound.issuer, faults: [fault] },
      identity: [silent],
      webhooks: { faults: [{ ...fault, certificate: "linkerd-proxy-injector" }], hindrances: [] },
      stranded: [strandedIn("linkerd", "linkerd-destination"), strandedIn("shop", "web")],
    };
    assert.deepEqual(namesOf(all, { objects: [missing], bundle: empty }), [
      "bundle",
      "update",
      "issuer",
      "identity",
      "webhooks",
      "controlPlane",
      "workloads",
    ]);
  });

  test("says of each remedy what is found, why it helps, and what it interrupts for how long", () => {
    const { remedies } = planOf(evidence({ issuer: { ...sound.issuer, faults: [fault] } }));
    const [remedy] = remedies;
    assert.deepEqual(remedy!.found, [fault]);
    assert.equal(remedy!.interrupts, "nothing");
    assert.ok(remedy!.milliseconds > 0 && remedy!.why !== "");
  });

  test("goes no further than can be seen while the anchors cannot be read", () => {
    const { remedies, isPartial } = planOf(evidence(undefined, { bundle: empty }));
    assert.deepEqual([remedies.map(({ name }) => name), isPartial], [["bundle"], true]);
  });

  test("makes no anchor where the stack puts back its own", () => {
    assert.deepEqual(namesOf({}, { objects: [missing] }), ["update"]);
    assert.deepEqual(namesOf({}, { unfinished: ["Helm release linkerd/x is pending-upgrade."] }), ["update"]);
  });
});

suite("What has ended of the stack's anchors", () => {
  const seen = { issuer: { ...sound.issuer, faults: [fault] }, stranded: [strandedIn("shop", "web")] };

  test("is issued again before all that stands on it, and no more pods restart for it", () => {
    assert.deepEqual(namesOf({ ...seen, ended: [root] }), ["reissue", "issuer", "workloads"]);
    assert.deepEqual(namesOf({ ended: [cross] }), ["reissue"]);
  });

  test("is issued again by the update that puts back what is missing: any other would be refused", () => {
    const { remedies } = planOf(evidence({ ended: [root] }, { objects: [missing], unfinished: ["Killed."] }));
    assert.deepEqual(
      remedies.map(({ name, found }) => [name, found.map(({ subject }) => subject)]),
      [["reissue", [root.subject, "pulumi up", missing.subject]]],
    );
  });

  test("is issued again unless its key may be in someone else's hands, which is said", () => {
    const { why } = planOf(evidence({ ended: [root] })).remedies[0]!;
    assert.match(why, /in someone else's hands .*: npm run -s rotate -- begin --distrust$/);
  });

  test("restarts the control plane if it is a root", () => {
    const interruptsOf = (ended: typeof root) => planOf(evidence({ ended: [ended] })).remedies[0]!.interrupts;
    assert.match(interruptsOf(root), /the control plane restarts/);
    assert.equal(interruptsOf(cross), "nothing");
  });
});

test("An older generation vouches again where its pods refuse what is signed, and they do not restart", () => {
  const refusing = [{ subject: "Deployment shop/web", message: "1 pod: refuses what identity signs." }];
  const stranded = [strandedIn("shop", "cart")];
  assert.deepEqual(namesOf({ refusing, stranded }, { objects: [missing] }), ["vouch", "workloads"]);
  assert.deepEqual(namesOf({ refusing, ended: [root] }), ["reissue"]);
});

suite("The identity controllers", () => {
  test("are waited for where the kubelet may be on its way", () => {
    assert.deepEqual(namesOf({ identity: [{ ...silent, isComing: true }] }), ["reload"]);
  });

  test("restart if one of them gives no certificate at all", () => {
    assert.deepEqual(namesOf({ identity: [{ ...silent, isComing: true }, silent] }), ["identity"]);
  });

  test("restart only after the issuer has been put right", () => {
    const seen = { issuer: { ...sound.issuer, faults: [fault] }, identity: [{ ...silent, isComing: true }] };
    assert.deepEqual(namesOf(seen), ["issuer", "identity"]);
  });
});

suite("What is left to others:", () => {
  test("an issuer that someone else writes, and nothing that stands on it is done", () => {
    const seen = {
      issuer: { faults: [fault], hindrances: [] },
      identity: [silent],
      stranded: [strandedIn("shop", "web")],
    };
    assert.deepEqual(namesOf(seen), []);
    assert.deepEqual(leftOf(seen), [fault.subject]);
    assert.deepEqual(
      planOf(evidence(seen)).waiting.map(({ name }) => name),
      ["identity", "workloads"],
    );
  });

  test("a cert-manager that does not run", () => {
    const seen = { issuer: { ...sound.issuer, faults: [fault], hindrances: [stopped] }, identity: [silent] };
    assert.deepEqual(namesOf(seen), []);
    assert.deepEqual(leftOf(seen), [stopped.subject]);
  });

  test("not what pulumi up is about to put back", () => {
    const seen = { issuer: { ...sound.issuer, faults: [fault], hindrances: [missing] } };
    assert.deepEqual(namesOf(seen, { objects: [missing] }), ["update"]);
    assert.deepEqual(leftOf(seen, { objects: [missing] }), []);
  });

  test("an anchor of theirs that has ended, for which a renewed issuer is no help", () => {
    const seen = {
      ended: [root, { ...cross, fix: "Whoever has its key issues it again." }],
      issuer: { ...sound.issuer, faults: [fault] },
      identity: [silent],
    };
    assert.deepEqual(namesOf(seen), []);
    assert.deepEqual(leftOf(seen), [cross.subject]);
    assert.deepEqual(
      planOf(evidence(seen)).waiting.map(({ name }) => name),
      ["issuer", "identity"],
    );
  });

  test("a bundle that trust-manager writes", () => {
    const ground = { bundle: empty, ownsBundle: false };
    assert.deepEqual([namesOf(undefined, ground), leftOf(undefined, ground)], [[], [empty.subject]]);
  });

  test("a Job, a webhook's certificate of the chart's, pods without a proxy, and what may not be seen", () => {
    const seen = {
      stranded: [strandedIn("shop", "once", false)],
      webhooks: { faults: [fault], hindrances: [] },
      unmeshed: [{ namespace: "shop", kind: "Deployment", name: "bare" }],
      unseen: ["Pods of every namespace: forbidden"],
    };
    assert.deepEqual(namesOf(seen), []);
    assert.deepEqual(leftOf(seen), [fault.subject, "Job shop/once", "Deployment shop/bare", "This user"]);
  });
});
