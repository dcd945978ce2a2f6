import assert from "node:assert/strict";
import { test } from "node:test";
import { resolve } from "../../../components/rotatingLinkerdArgs.ts";
import { argumentsOf } from "../../../infra/config.ts";
import type { Plan } from "../../../operations/rotate/plan.ts";
import { reasonToRecall, watchRenewals } from "../../../operations/rotate/undo.ts";
import { stageOf } from "../../../rules/rotation/stage.ts";
import { authority, hoursFromNow, leaf, now, parsed } from "../../certificates.ts";
import type { Values } from "../../configured.ts";
import { startApiServer } from "../../mesh/apiServer.ts";

const [old, next] = await Promise.all(
  ["root", "root-2"].map((name) => authority({ commonName: `${name}.linkerd.cluster.local` })),
);
const cross = await authority({ commonName: next!.commonName, keys: next!, signer: old! });
const issuer = await authority({ commonName: "identity.linkerd.cluster.local", signer: next! });

/** What is seen of one proxy, whose certificate was issued so many hours ago, still vouched for. */
async function seeing(hours: number, failedRefreshes: number): Promise<Plan["seen"]> {
  const workload = { namespace: "shop", kind: "Deployment", name: "web" };
  const certificate = await leaf({
    commonName: "web",
    signer: issuer,
    notBefore: hoursFromNow(-hours),
    notAfter: hoursFromNow(24 - hours),
  });
  return {
    time: now,
    roots: new Map([[2, parsed(next!.certificate)]]),
    controllers: [],
    held: [],
    pending: [],
    externalWorkloads: 0,
    proxies: [
      {
        pod: { workload, name: "web-1" },
        leaf: parsed(certificate),
        intermediates: [issuer, cross].map((one) => parsed(one.certificate)),
        failedRefreshes,
      },
    ],
  };
}

const stackOf = (values: Values) => {
  const settings = resolve(argumentsOf({ trustAnchorGenerations: [1, 2], signingGeneration: 2, ...values }));
  return { settings, stage: stageOf(settings)! };
};
const alone = stackOf({ crossSignTrustAnchors: false });

test("when a renewal fails, the older generation vouches again, and the proxy is named", async () => {
  const reason = reasonToRecall(alone, { seen: await seeing(18, 2) });
  assert.match(reason![0]!, /^Since generation 2 signs alone, a proxy fails to renew the certificate:$/);
  assert.match(reason![1]!, /^ {2}shop\/web-1: 2 renewals failed, and its certificate ends at /);
});

test("not before it fails, and never what is distrusted, or cannot vouch", async () => {
  assert.equal(reasonToRecall(alone, { seen: await seeing(10, 2) }), undefined);
  const given = { providedTrustAnchors: { 1: { certificatePem: "certificate" } } };
  for (const values of [{}, { distrustedTrustAnchors: [1] }, given]) {
    assert.equal(reasonToRecall(stackOf(values), { seen: await seeing(18, 2) }), undefined);
  }
  const elsewhere = { ...alone, stage: { ...alone.stage, elsewhere: "identityIssuer.source" } };
  assert.equal(reasonToRecall(elsewhere, { seen: await seeing(18, 2) }), undefined);
});

test("it is watched until every proxy is through, or one fails", async () => {
  const { cluster } = await startApiServer();
  const mesh = { ...cluster, namespace: "linkerd" };
  const demands = {
    rotationAllowance: "2160h",
    issuanceLifetime: "24h",
    clockSkewAllowance: "20s",
    externalConfirmed: false,
  };
  const [live, failing] = [await seeing(10, 0), await seeing(18, 2)];
  const plan = (seen: Plan["seen"], isOpen: boolean) =>
    ({ seen, gates: [{ demand: "", isOpen, seen: "" }] }) as unknown as Plan;
  const isFailing = (one: Plan) => reasonToRecall(alone, one) !== undefined;
  for (const last of [plan(live, true), plan(failing, false)]) {
    const told: string[] = [];
    const seen = await watchRenewals(
      { demands, mesh },
      async () => last,
      isFailing,
      (line) => told.push(line),
    );
    assert.equal(seen, last);
    assert.match(told.join(), /^Watching until every proxy has renewed its certificate, at most until /);
  }
});
