import assert from "node:assert/strict";
import { KeyObject } from "node:crypto";
import { suite, test } from "node:test";
import { resolve } from "../../../components/rotatingLinkerdArgs.ts";
import { argumentsOf } from "../../../infra/config.ts";
import type { MeshedPod } from "../../../mesh/meshedPods.ts";
import { endingsOf } from "../../../operations/recover/endings.ts";
import { bundleFault, meshEvidence } from "../../../operations/recover/look.ts";
import { requireProgress } from "../../../operations/recover/recover.ts";
import type { MeshStatus } from "../../../operations/status/read.ts";
import { planOf } from "../../../rules/recovery/plan.ts";
import { authority, type Fabricated, hoursFromNow, leaf, now, parsed } from "../../certificates.ts";
import type { Values } from "../../configured.ts";
import { soundStatus } from "../status/soundStatus.ts";

const { status, anchor, issuer, anchors } = await soundStatus();

const renewedBy = {
  metadata: { name: "linkerd-identity-issuer", uid: "1" },
  spec: { secretName: "linkerd-identity-issuer", issuerRef: { name: "linkerd-trust-anchor" } },
  status: { conditions: [{ type: "Ready", status: "True" as const }] },
};
const sound: MeshStatus = {
  ...status,
  issuer: { ...status.issuer, renewedBy },
  renewal: { certificates: [renewedBy], signers: [] },
};

const settings = resolve(argumentsOf({}));
const encoded = (text: string) => Buffer.from(text).toString("base64");
const storedOf = ({ certificate, privateKey }: Fabricated, root = anchor) => ({
  "tls.crt": encoded(String(certificate)),
  "tls.key": encoded(String(KeyObject.from(privateKey).export({ format: "pem", type: "pkcs8" }))),
  "ca.crt": encoded(String(root.certificate)),
});

const stateAnchor = {
  name: "linkerd-trust-anchor",
  signs: true,
  fingerprintSha256: anchor.certificate.fingerprint256,
};

const evidenceOf = (seen: MeshStatus, stored: Record<string, string> | undefined = storedOf(issuer)) =>
  meshEvidence(seen, stored, { anchors: [stateAnchor] }, settings, []);

const remediesOf = (...args: Parameters<typeof evidenceOf>) =>
  planOf({
    time: now,
    unfinished: [],
    ownsBundle: true,
    objects: [],
    mesh: evidenceOf(...args),
  }).remedies.map(({ name }) => name);

const pod: MeshedPod = {
  namespace: "shop",
  name: "web-x",
  workload: { namespace: "shop", kind: "Deployment", name: "web" },
  createdAt: hoursFromNow(-30),
};

suite("Of a mesh", () => {
  test("that is whole, nothing is recovered", () => {
    assert.deepEqual(remediesOf(sound), []);
  });

  test("whose issuer is another mesh's, it is issued again; the anchor stays", async () => {
    const foreign = await authority({ commonName: "root.elsewhere" });
    const other = await authority({ commonName: "identity.linkerd.cluster.local", signer: foreign });
    assert.deepEqual(remediesOf(sound, storedOf(other, foreign)), ["issuer"]);
  });

  test("whose issuer is a leaf, is truncated, or has another key, likewise", async () => {
    const certificate = await leaf({ commonName: "identity.linkerd.cluster.local", signer: anchor });
    const stored = storedOf(issuer);
    for (const damage of [
      { "tls.crt": encoded(String(certificate)) },
      { "tls.crt": encoded("-----BEGIN CERTIFICATE-----\nMIIB") },
      { "tls.key": storedOf(anchor)["tls.key"] },
    ]) {
      assert.deepEqual(remediesOf(sound, { ...stored, ...damage }), ["issuer"]);
    }
  });

  test("whose issuer's Secret is gone, it is issued again", () => {
    assert.deepEqual(
      planOf({
        time: now,
        unfinished: [],
        ownsBundle: true,
        objects: [],
        mesh: meshEvidence(sound, undefined, { anchors: [stateAnchor] }, settings, []),
      }).remedies.map(({ name }) => name),
      ["issuer"],
    );
  });

  test("whose renewal fails, it is tried again at once", () => {
    const failing = { ...renewedBy, status: { failedIssuanceAttempts: 3 } };
    const seen = {
      ...sound,
      issuer: { ...sound.issuer, renewedBy: failing },
      renewal: { certificates: [failing], signers: [] },
    };
    assert.deepEqual(remediesOf(seen), ["issuer"]);
  });

  test("whose controllers give no certificate, identity restarts", () => {
    const controllers = [{ podName: "linkerd-identity-1", failure: "CrashLoopBackOff" }];
    assert.deepEqual(remediesOf({ ...sound, controllers }), ["identity"]);
  });

  test("with an ended leaf, its workload restarts, and no other", async () => {
    const ended = parsed(
      await leaf({
        commonName: "web",
        signer: issuer,
        notBefore: hoursFromNow(-26),
        notAfter: hoursFromNow(-2),
      }),
    );
    const dataPlane = {
      pods: 2,
      bundles: [{ state: "current" as const, anchors, skipped: 0, pods: [pod, { ...pod, name: "other" }] }],
      leaves: [{ pod, leaf: ended, intermediates: [parsed(issuer.certificate)] }],
    };
    assert.deepEqual(remediesOf({ ...sound, dataPlane }), ["workloads"]);
    assert.deepEqual(
      evidenceOf({ ...sound, dataPlane }).stranded.map(({ workload, pods }) => [workload.name, pods]),
      [["web", 1]],
    );
  });

  test("a proxy that has started with anchors it could not use restarts, once they are right", () => {
    const dataPlane = {
      pods: 1,
      bundles: [{ state: "unknown" as const, skipped: 0, reason: "it is empty", pods: [pod] }],
      leaves: [{ pod, intermediates: [], failure: "it does not answer", isStarting: true }],
    };
    const trust = { ...sound.trust, bundleWrittenAt: hoursFromNow(-1) };
    assert.deepEqual(remediesOf({ ...sound, trust, dataPlane }), ["workloads"]);
    const younger = { ...trust, bundleWrittenAt: hoursFromNow(-31) };
    assert.deepEqual(remediesOf({ ...sound, trust: younger, dataPlane }), []);
    const ready = { ...dataPlane, leaves: [{ ...dataPlane.leaves[0]!, isStarting: false }] };
    assert.deepEqual(remediesOf({ ...sound, trust, dataPlane: ready }), []);
  });
});

test("what ends is prevented by who renews it, and an anchor by nobody", () => {
  const endings = endingsOf(sound, evidenceOf(sound), settings);
  assert.deepEqual(
    endings.map(({ state, prevention }) => [state.split(",")[0], prevention]),
    [
      ["the identity issuer ends", "cert-manager, which renews it"],
      ['trust anchor "root.linkerd.cluster.local"', undefined],
    ],
  );
});

test("a cross certificate in the issuer's chain ends, and nobody prevents that", async () => {
  const old = await authority({ commonName: "root-0", notAfter: hoursFromNow(100) });
  const cross = parsed(
    (
      await authority({
        commonName: "root.linkerd.cluster.local",
        keys: anchor,
        signer: old,
        notAfter: hoursFromNow(50),
      })
    ).certificate,
  );
  const seen = { ...sound, issuer: { ...sound.issuer, intermediates: [cross] } };
  const ending = endingsOf(seen, evidenceOf(seen), settings).find(({ state }) =>
    state.includes("cross certificate"),
  );
  assert.deepEqual([ending?.at, ending?.prevention], [cross.x509.validToDate, undefined]);
});

test("of an anchor that ends, it is told how it is replaced while it lives, if there is time for it", () => {
  const adviceOf = (values: Values) => {
    const endings = endingsOf(sound, evidenceOf(sound), resolve(argumentsOf(values)));
    return endings.find(({ state }) => state.startsWith("trust anchor"))!.advice!;
  };
  assert.match(adviceOf({}), /^To replace it before, .* -- begin$/);
  assert.match(
    adviceOf({ trustAnchorRotationAllowance: "876000h" }),
    /less than trustAnchorRotationAllowance, 876000h\..* recover issues it again/,
  );
  assert.match(adviceOf({ trustAnchorSource: "cluster" }), /docs\/credentials\.md/);
});

test("the root beside the issuer is to be the one that lives", async () => {
  const before = await authority({
    ...{ commonName: "root.linkerd.cluster.local", keys: anchor },
    notAfter: hoursFromNow(-0.5),
  });
  assert.deepEqual(remediesOf(sound, storedOf(issuer, before)), ["issuer"]);
  const [fault] = evidenceOf(sound, storedOf(issuer, before)).issuer.faults;
  assert.match(fault!.subject, /linkerd-identity-issuer, ca\.crt$/);
});

suite("The ConfigMap of the anchors", async () => {
  const own = String(anchor.certificate).trim();
  const foreign = String((await authority({ commonName: "root.other.mesh" })).certificate);
  const faultOf = (text: string | undefined, ownsBundle = true) =>
    bundleFault("linkerd", text, { bundle: { release: "linkerd-control-plane", pem: own } }, ownsBundle)
      ?.message;

  test("is sound with what the stack has installed, whatever its last line ends in", () => {
    assert.equal(faultOf(`${own}\n`), undefined);
  });

  test("is told what would leave it", () => {
    assert.match(faultOf(`${own}\n${foreign}`) ?? "", /"root\.other\.mesh"/);
    assert.doesNotMatch(faultOf(`${own}\n${foreign}`) ?? "", new RegExp(anchor.certificate.subject));
    assert.match(
      faultOf(own.slice(0, 100)) ?? "",
      /another text than the anchors that the stack has installed\.$/,
    );
  });

  test("is empty, or not there, whoever writes it; all else of someone else's is theirs", () => {
    assert.match(faultOf("", false) ?? "", /empty/);
    assert.match(faultOf(undefined, false) ?? "", /does not exist/);
    assert.equal(faultOf(foreign, false), undefined);
  });
});

test("what is changed back again and again is not put right for ever", () => {
  const remedy = {
    name: "update" as const,
    does: "run pulumi up --refresh",
    found: [{ subject: "Secret linkerd/linkerd-trust-anchor", message: "It does not exist." }],
  };
  const done = (times: number) => Array.from({ length: times }, () => ({ remedy: "update" as const }));
  requireProgress(remedy, [...done(2), { remedy: "issuer" }]);
  assert.throws(
    () => requireProgress(remedy, done(3)),
    /linkerd-trust-anchor: It does not exist.*changes it back/,
  );
});
