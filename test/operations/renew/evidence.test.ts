import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { Certificate, CertificateRequest, Condition } from "../../../mesh/certManager.ts";
import type { ReloadEvent } from "../../../mesh/identityController.ts";
import { serial } from "../../../operations/format.ts";
import {
  awaitedNext,
  type Before,
  progressOf,
  type Seen,
  steps,
} from "../../../operations/renew/evidence.ts";
import { authority, hoursFromNow, now, parsed } from "../../certificates.ts";

const anchor = await authority({ commonName: "root.linkerd.cluster.local" });
const name = "linkerd-identity-issuer";
const issuerUntil = async (notAfter: Date) =>
  parsed(
    (await authority({ commonName: "identity.linkerd.cluster.local", signer: anchor, notAfter })).certificate,
  );
const oldIssuer = await issuerUntil(hoursFromNow(24));
const newIssuer = await issuerUntil(hoursFromNow(48));

const ready: Condition = { type: "Ready", status: "True", reason: "Ready", message: "up to date" };
const issuing: Condition = { type: "Issuing", status: "True", reason: "Renewing", message: "Renewing" };

const certificate = (revision: number, issued: typeof oldIssuer, conditions = [ready]): Certificate => ({
  metadata: { name, uid: "certificate" },
  spec: { secretName: name, issuerRef: { name: "anchor" } },
  status: { conditions, revision, notAfter: issued.x509.validToDate.toISOString() },
});

const request = (uid: string, revision: number, conditions: Condition[] = []): CertificateRequest => ({
  metadata: {
    name: `${name}-${revision}`,
    uid,
    annotations: {
      "cert-manager.io/certificate-name": name,
      "cert-manager.io/certificate-revision": String(revision),
    },
  },
  status: { conditions },
});

const event = (reason: ReloadEvent["reason"], count: number): ReloadEvent => ({
  uid: "event",
  reason,
  message: "what it says",
  count,
  time: new Date(),
});

const approved: Condition = { type: "Approved", status: "True", reason: "cert-manager.io", message: "" };
const loaded = (issuer: typeof oldIssuer, podName = "identity-1") => ({
  podName,
  proof: {
    issuer,
    anchor: parsed(anchor.certificate),
    identity: "default",
    leaf: oldIssuer,
    intermediates: [issuer],
  },
});

const before: Before = {
  namespace: "linkerd",
  certificate: certificate(1, oldIssuer),
  joined: false,
  stored: oldIssuer,
  requests: [request("old", 1)],
  events: [event("IssuerUpdated", 3)],
  anchors: [parsed(anchor.certificate)],
  loaded: [loaded(oldIssuer)],
};

/** Nothing has happened yet. */
const start: Seen = {
  certificate: before.certificate,
  requests: before.requests,
  stored: { secretName: name, certificate: oldIssuer, intermediates: [] },
  events: before.events,
  loaded: [],
};

const end: Seen = {
  certificate: certificate(2, newIssuer),
  requests: [request("new", 2, [approved, ready])],
  stored: { secretName: name, certificate: newIssuer, intermediates: [] },
  events: [event("IssuerUpdated", 4)],
  loaded: [loaded(newIssuer)],
};

const reached = (seen: Partial<Seen>, from = before) => [
  ...progressOf(from, { ...start, ...seen }).evidence.keys(),
];

suite("A renewal's evidence", () => {
  test("begins with having asked, and takes nothing old for new", () => {
    assert.deepEqual(reached({}), ["asked"]);
  });

  test("comes step by step", () => {
    assert.deepEqual(reached({ requests: [request("new", 2)] }), ["asked", "requested"]);
    const { requests } = end;
    assert.deepEqual(reached({ requests: [request("new", 2, [approved])] }), [
      "asked",
      "requested",
      "approved",
    ]);
    assert.deepEqual(reached({ requests }), ["asked", "requested", "approved", "signed"]);
    assert.deepEqual(reached({ requests, stored: end.stored }), [
      "asked",
      "requested",
      "approved",
      "signed",
      "stored",
    ]);
  });

  test("is complete at the end, with the new serial number", () => {
    const { evidence, failure } = progressOf(before, end);
    assert.deepEqual([...evidence.keys()].sort(), [...steps].sort());
    assert.equal(failure, undefined);
    assert.ok(evidence.get("loaded")?.endsWith(`is signed by serial ${serial(newIssuer)}`));
  });

  test("does not count an event that was there before", () => {
    assert.ok(!reached({ ...end, events: before.events }).includes("reloaded"));
  });

  test("is not complete while one of several controllers signs with the old issuer", () => {
    assert.ok(
      !reached({ ...end, loaded: [loaded(newIssuer), loaded(oldIssuer, "identity-2")] }).includes("loaded"),
    );
    assert.ok(!reached({ ...end, loaded: [] }).includes("loaded"));
  });

  test("is not complete by the status of an earlier issuance", () => {
    assert.ok(!reached({ ...end, certificate: certificate(1, newIssuer) }).includes("ready"));
    assert.ok(!reached({ ...end, certificate: certificate(2, oldIssuer) }).includes("ready"));
  });

  test("of a renewal that was joined counts what that had made before", () => {
    const joined: Before = {
      ...before,
      joined: true,
      certificate: certificate(1, oldIssuer, [ready, issuing]),
      stored: newIssuer,
      requests: end.requests,
    };
    assert.deepEqual([...progressOf(joined, end).evidence.keys()].sort(), [...steps].sort());
    assert.match(progressOf(joined, end).evidence.get("asked")!, /issuing already \(Renewing\)/);
  });
});

suite("A renewal fails", () => {
  const failure = (seen: Partial<Seen>, from = before) => progressOf(from, { ...start, ...seen }).failure;

  test("where its request is denied, invalid or failed", () => {
    for (const [condition, expected] of [
      [{ type: "Denied", status: "True", message: "by policy" }, /Denied: by policy/],
      [{ type: "InvalidRequest", status: "True", message: "bad name" }, /InvalidRequest: bad name/],
      [{ type: "Ready", status: "False", reason: "Failed", message: "no signer" }, /failed: no signer/],
    ] as [Condition, RegExp][]) {
      assert.match(failure({ requests: [request("new", 2, [condition])] })!.what, expected);
    }
  });

  test("but not for a request that failed before", () => {
    const past = request("past", 2, [{ type: "Ready", status: "False", reason: "Failed", message: "then" }]);
    for (const joined of [true, false]) {
      assert.equal(failure({ requests: [past] }, { ...before, joined, requests: [past] }), undefined);
    }
  });

  test("where the controller refuses the issuer", () => {
    const refused = failure({
      ...end,
      events: [event("IssuerUpdateSkipped", 4)],
      loaded: [loaded(oldIssuer)],
    });
    assert.match(refused!.what, /IssuerUpdateSkipped: what it says/);
    assert.match(refused!.fix, /rollout restart deploy\/linkerd-identity/);
  });

  test("but not where a controller was behind: what it refused may be what was stored before", () => {
    const seen = { ...end, events: [event("IssuerUpdateSkipped", 4)], loaded: [loaded(oldIssuer)] };
    const behind = { ...before, loaded: [loaded(newIssuer)] };
    assert.equal(failure(seen, behind), undefined);
    assert.match(
      failure(seen, { ...behind, anchors: [] })!.what,
      /IssuerUpdateSkipped/,
      "no anchor signed the new one",
    );
  });
});

suite("What a renewal still waits for is named with what is seen and how to mend it:", () => {
  const awaited = (seen: Partial<Seen>, time = now) => {
    const all = { ...start, ...seen };
    const { what, fix } = awaitedNext(before, all, progressOf(before, all), time);
    return `${what} | ${fix}`;
  };

  test("cert-manager, where nothing happens", () => {
    const asked = certificate(1, oldIssuer, [
      ready,
      { ...issuing, reason: "ManuallyTriggered", message: "asked" },
    ]);
    assert.match(
      awaited({ certificate: asked }),
      /a CertificateRequest .* seen: Issuing=True \(ManuallyTriggered: asked\) .*Is cert-manager running/,
    );
  });

  test("the approval, then the signature", () => {
    assert.match(
      awaited({ requests: [request("new", 2)] }),
      /to be approved and signed; seen: no condition Approved/,
    );
    const pending: Condition = {
      type: "Ready",
      status: "False",
      reason: "Pending",
      message: "no such Issuer",
    };
    assert.match(
      awaited({ requests: [request("new", 2, [approved, pending])] }),
      /to be approved and signed; seen: Ready=False \(Pending: no such Issuer\)/,
    );
  });

  test("the controller that missed its reload, and the restart that mends it", () => {
    const missed = awaited({ ...end, events: before.events, loaded: [loaded(oldIssuer)] });
    assert.ok(missed.includes(`identity-1 still signs with ${serial(oldIssuer)}; no event about a reload`));
    assert.match(missed, /missed its reload.*kubectl -n linkerd rollout restart deploy\/linkerd-identity/);
  });

  test("the kubelet, which may not have delivered the Secret yet", () => {
    const justIssued = newIssuer.x509.validFromDate;
    assert.match(
      awaited({ ...end, loaded: [loaded(oldIssuer)] }, justIssued),
      /The kubelet delivers .* look again/,
    );
  });

  test("the one replica of several that is behind", () => {
    const behind = awaited({ ...end, loaded: [loaded(newIssuer), loaded(oldIssuer, "identity-2")] });
    assert.match(behind, /identity-2 still signs with/);
    assert.ok(!behind.includes("identity-1"));
  });
});
