import assert from "node:assert/strict";
import { test } from "node:test";
import { resolve } from "../../../components/rotatingLinkerdArgs.ts";
import type { HeldBundle } from "../../../mesh/meshedPods.ts";
import { canReturn, describeDistrust, updateOptions } from "../../../operations/rotate/distrust.ts";
import { authority, type Fabricated, hoursFromNow, now, parsed } from "../../certificates.ts";

const old = await authority({ commonName: "root.linkerd.cluster.local" });

const stage = { name: "idle", generations: [1], signing: 1, distrusted: [], crossSigned: [] } as const;
const edit = { generations: [1, 2], signing: 2, distrusted: [1] };
const demands = {
  ...{ rotationAllowance: "2160h", clockSkewAllowance: "20s", externalConfirmed: false },
  issuanceLifetime: "24h",
};

/** Settings of a stack whose first generation was given, with its key or without. */
const given = ({ certificate }: Fabricated, privateKeyPem?: string) =>
  resolve({
    trustAnchor: {
      provided: { 1: { certificatePem: certificate.toString(), ...(privateKeyPem && { privateKeyPem }) } },
    },
  });

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
  const text = describeDistrust(stage, edit, resolve({}), seen, "linkerd", demands);
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

test("it says that there is no way back where there is none", async () => {
  const ended = await authority({ commonName: "company root", notAfter: hoursFromNow(-1) });
  const seen = {
    ...{ time: now, controllers: [], held: [], externalWorkloads: 0, pending: [] },
    roots: new Map([[1, parsed(ended.certificate)]]),
  };
  const text = describeDistrust(stage, edit, given(ended, "key"), seen, "linkerd", demands);
  assert.match(
    text,
    /generation 1 is deleted\. There is no way back: what was distrusted cannot vouch again, since it was given, and has ended or is here without its key\.$/m,
  );
  assert.doesNotMatch(text, /rotate -- abort/);
});

test("an anchor that was made can vouch again whatever its end; one that was given, while it lives, with its key", async () => {
  const alive = await authority({ commonName: "company root" });
  const ended = await authority({ commonName: "company root", notAfter: hoursFromNow(-1) });
  const distrusted = { generations: [1, 2], signing: 2 };
  for (const [settings, expected] of [
    [resolve({}), true],
    [given(alive, "key"), true],
    [given(alive), false],
    [given(ended, "key"), false],
  ] as const) {
    assert.equal(canReturn(distrusted, settings, now), expected);
  }
});

test("protection is lifted for what was made with a key that is lost, once that is distrusted, and for nothing else", async () => {
  const root = await authority({ commonName: "company root" });
  for (const [distrusted, settings, expected] of [
    [[1], given(root), ["--ignore-protect"]],
    [[], given(root), []],
    [[1], given(root, "key"), []],
    [[1], resolve({}), []],
  ] as const) {
    assert.deepEqual(updateOptions(distrusted, settings), expected);
  }
});
