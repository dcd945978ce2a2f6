import assert from "node:assert/strict";
import { test } from "node:test";
import type { HeldBundle } from "../../../mesh/meshedPods.ts";
import { describeDistrust } from "../../../operations/rotate/distrust.ts";
import { authority, now, parsed } from "../../certificates.ts";

const old = await authority({ commonName: "root.linkerd.cluster.local" });

test("it says before it begins what breaks, for how long, and what is left to others", () => {
  const pod = (namespace: string, kind: string, name: string) => ({
    ...{ namespace, name: `${name}-1`, createdAt: now },
    workload: { namespace, kind, name },
  });
  const held: HeldBundle = {
    state: "current",
    skipped: 0,
    anchors: [parsed(old.certificate)],
    pods: [
      pod("linkerd", "Deployment", "linkerd-identity"),
      ...Array.from({ length: 9 }, (_, number) => pod("shop", "Deployment", `web${number}`)),
      pod("shop", "Job", "once"),
    ],
  };
  const seen = {
    ...{ time: now, controllers: [], held: [held], externalWorkloads: 0, pending: [] },
    roots: new Map([[1, parsed(old.certificate)]]),
  };
  const text = describeDistrust(
    { name: "idle", generations: [1], signing: 1, distrusted: [], crossSigned: [] },
    { generations: [1, 2], signing: 2, distrusted: [1] },
    seen,
    "linkerd",
    {
      ...{ rotationAllowance: "2160h", clockSkewAllowance: "20s", externalConfirmed: false },
      issuanceLifetime: "24h",
    },
  );
  for (const sentence of [
    /generation 1 leaves the bundle at once, with nothing to vouch for generation 2\./,
    /a pod that is not restarted yet refuses the control plane and every pod that is/,
    /9 pods of 9 workloads restart, about 3 min 0 s in all/,
    /when its certificate ends, 24h after it got that/,
    /until whoever has made it makes it anew: Job shop\/once$/m,
    /rotate -- abort lets it vouch again/,
  ]) {
    assert.match(text, sentence);
  }
});
