/** The metrics are read by others: their names, labels and values stay as they are here. */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { resolve } from "../../../components/rotatingLinkerdArgs.ts";
import { statusFacts } from "../../../operations/status/json.ts";
import { statusMetrics } from "../../../operations/status/metrics.ts";
import type { MeshStatus } from "../../../operations/status/read.ts";
import { problemsOf } from "../../../operations/status/verdict.ts";
import { alertGroups } from "../../../rules/alerts/groups.ts";
import { rows } from "../../../rules/alerts/panels.ts";
import { alertSettings } from "../../../rules/alerts/settings.ts";
import { authority, hoursFromNow, leaf, now, parsed } from "../../certificates.ts";
import { soundStatus } from "./soundStatus.ts";

const { status: sound, anchor, issuer, anchors } = await soundStatus();
const issuerCertificate = parsed(issuer.certificate);

const textOf = (status: MeshStatus, problems = problemsOf(status)) =>
  statusMetrics(statusFacts(status, problems));

/** Its samples, with times as hours from now, and fingerprints by their names. */
function samplesOf(text: string, names: Readonly<Record<string, string>> = {}): string {
  const named = Object.entries({ [anchors[0]!.x509.fingerprint256]: "ANCHOR", ...names }).reduce(
    (all, [fingerprint, name]) => all.replaceAll(fingerprint, name),
    text,
  );
  return named
    .split("\n")
    .filter((line) => !line.startsWith("#"))
    .map((line) =>
      line.replace(/ (\d{9,}(?:\.\d+)?)$/, (_, seconds) => {
        const hours = Math.round((Number(seconds) * 1000 - now.getTime()) / 36e5);
        return ` now${hours < 0 ? hours : `+${hours}`}h`;
      }),
    )
    .join("\n");
}

const pod = (namespace: string, name: string) => ({
  ...{ namespace, name, createdAt: hoursFromNow(-9) },
  workload: { namespace, kind: "Deployment", name },
});

/** A mesh of which everything is known, in a rotation, and the names of its certificates. */
async function inRotation() {
  const next = await authority({
    commonName: "root-2.linkerd.cluster.local",
    notAfter: hoursFromNow(9000),
  });
  const crossUntil = async (hours: number) =>
    parsed(
      (
        await authority({
          ...{ commonName: next.commonName, keys: next, signer: anchor },
          notAfter: hoursFromNow(hours),
        })
      ).certificate,
    );
  const [cross, laterCross] = [await crossUntil(500), await crossUntil(700)];
  const former = await authority({ commonName: "identity.linkerd.cluster.local", signer: anchor });
  const [live, ended] = await Promise.all([
    leaf({ commonName: "web", signer: issuer, notAfter: hoursFromNow(20) }),
    leaf({ commonName: "old", signer: issuer, notBefore: hoursFromNow(-9), notAfter: hoursFromNow(-3) }),
  ]);
  const proof = sound.controllers[0]!.proof!;
  const leaves = [live, ended].map((certificate, place) => ({
    pod: pod("shop", `web-${place}`),
    leaf: parsed(certificate),
    intermediates: [issuerCertificate],
  }));
  const status: MeshStatus = {
    ...sound,
    trust: { ...sound.trust, bundleWrittenAt: hoursFromNow(-30) },
    generations: [
      { ...sound.generations[0]!, signs: false },
      {
        ...{ number: 2, certificate: parsed(next.certificate), isInBundle: true, signs: true },
        vouchers: [{ certificate: laterCross }, { certificate: cross, by: anchors[0] }],
      },
    ],
    issuer: {
      ...sound.issuer,
      renewedBy: {
        metadata: { name: "linkerd-identity-issuer", uid: "1", generation: 1 },
        spec: { secretName: "linkerd-identity-issuer", issuerRef: { name: "linkerd-trust-anchor" } },
        status: { renewalTime: hoursFromNow(-2).toISOString(), failedIssuanceAttempts: 2 },
      },
    },
    renewal: {
      ...{ certificates: [], signers: [] },
      configured: { config: { certificateRequestMaximumBackoffDuration: "1h" } },
    },
    controllers: [
      { podName: "linkerd-identity-3", failure: "it does not answer" },
      { podName: "linkerd-identity-2", proof },
      { podName: "linkerd-identity-1", proof: { ...proof, issuer: parsed(former.certificate) } },
    ],
    lastReload: {
      ...{ uid: "1", reason: "IssuerUpdateSkipped", message: "x509", count: 2 },
      time: hoursFromNow(-1),
    },
    dataPlane: {
      pods: 4,
      bundles: [
        { state: "current", anchors, skipped: 0, pods: [pod("shop", "web"), pod("bank", "till")] },
        { state: "overlapping", anchors, skipped: 0, pods: [pod("shop", "web"), pod("shop", "cart")] },
      ],
      leaves: [...leaves, { pod: pod("bank", "till"), intermediates: [], failure: "it does not answer" }],
    },
  };
  const problem = { severity: "error", message: "", fix: "", source: "", field: "" } as const;
  const problems = [
    { ...problem, rule: "leaf-ended" },
    { ...problem, rule: "anchor-ends", severity: "warning" as const },
    { ...problem, rule: "leaf-ended" },
  ];
  const names = {
    [next.certificate.fingerprint256]: "NEXT",
    [cross.x509.fingerprint256]: "CROSS",
    [laterCross.x509.fingerprint256]: "LATER",
  };
  return { text: textOf(status, problems), names };
}

suite("The metrics", () => {
  test("of a mesh that is right", () => {
    const trust = { ...sound.trust, bundleWrittenAt: hoursFromNow(-30) };
    assert.equal(
      samplesOf(textOf({ ...sound, trust })),
      `linkerd_credentials_status_timestamp_seconds now+0h
linkerd_credentials_status_exit_code 0
linkerd_credentials_trust_anchor_not_before_timestamp_seconds{generation="1",subject="root.linkerd.cluster.local",fingerprint_sha256="ANCHOR"} now-1h
linkerd_credentials_trust_anchor_not_after_timestamp_seconds{generation="1",subject="root.linkerd.cluster.local",fingerprint_sha256="ANCHOR"} now+87600h
linkerd_credentials_trust_anchor_in_bundle{generation="1",subject="root.linkerd.cluster.local",fingerprint_sha256="ANCHOR"} 1
linkerd_credentials_trust_anchor_signs{generation="1",subject="root.linkerd.cluster.local",fingerprint_sha256="ANCHOR"} 1
linkerd_credentials_signing_generation 1
linkerd_credentials_rotation_phase{phase="idle"} 1
linkerd_credentials_rotation_phase{phase="distributed"} 0
linkerd_credentials_rotation_phase{phase="vouched"} 0
linkerd_credentials_rotation_phase{phase="alone"} 0
linkerd_credentials_issuer_not_before_timestamp_seconds now-1h
linkerd_credentials_issuer_not_after_timestamp_seconds now+48h
linkerd_credentials_issuer_failed_attempts 0
linkerd_credentials_issuer_loaded{replica="linkerd-identity-1"} 1
linkerd_credentials_issuer_loaded_not_before_timestamp_seconds{replica="linkerd-identity-1"} now-1h
linkerd_credentials_issuer_loaded_not_after_timestamp_seconds{replica="linkerd-identity-1"} now+48h
`,
    );
  });

  test("of one in a rotation, with problems", async () => {
    const { text, names } = await inRotation();
    assert.equal(
      samplesOf(text, names),
      `linkerd_credentials_status_timestamp_seconds now+0h
linkerd_credentials_status_exit_code 2
linkerd_credentials_problems{rule="anchor-ends",severity="warning"} 1
linkerd_credentials_problems{rule="leaf-ended",severity="error"} 2
linkerd_credentials_trust_anchor_not_before_timestamp_seconds{generation="1",subject="root.linkerd.cluster.local",fingerprint_sha256="ANCHOR"} now-1h
linkerd_credentials_trust_anchor_not_before_timestamp_seconds{generation="2",subject="root-2.linkerd.cluster.local",fingerprint_sha256="NEXT"} now-1h
linkerd_credentials_trust_anchor_not_after_timestamp_seconds{generation="1",subject="root.linkerd.cluster.local",fingerprint_sha256="ANCHOR"} now+87600h
linkerd_credentials_trust_anchor_not_after_timestamp_seconds{generation="2",subject="root-2.linkerd.cluster.local",fingerprint_sha256="NEXT"} now+9000h
linkerd_credentials_trust_anchor_in_bundle{generation="1",subject="root.linkerd.cluster.local",fingerprint_sha256="ANCHOR"} 1
linkerd_credentials_trust_anchor_in_bundle{generation="2",subject="root-2.linkerd.cluster.local",fingerprint_sha256="NEXT"} 1
linkerd_credentials_trust_anchor_signs{generation="1",subject="root.linkerd.cluster.local",fingerprint_sha256="ANCHOR"} 0
linkerd_credentials_trust_anchor_signs{generation="2",subject="root-2.linkerd.cluster.local",fingerprint_sha256="NEXT"} 1
linkerd_credentials_cross_certificate_not_after_timestamp_seconds{generation="2",subject="root-2.linkerd.cluster.local",fingerprint_sha256="LATER"} now+700h
linkerd_credentials_cross_certificate_not_after_timestamp_seconds{generation="2",subject="root-2.linkerd.cluster.local",fingerprint_sha256="CROSS"} now+500h
linkerd_credentials_signing_generation 2
linkerd_credentials_rotation_phase{phase="idle"} 0
linkerd_credentials_rotation_phase{phase="distributed"} 0
linkerd_credentials_rotation_phase{phase="vouched"} 1
linkerd_credentials_rotation_phase{phase="alone"} 0
linkerd_credentials_rotation_since_timestamp_seconds now-30h
linkerd_credentials_rotation_deadline_timestamp_seconds now+500h
linkerd_credentials_issuer_not_before_timestamp_seconds now-1h
linkerd_credentials_issuer_not_after_timestamp_seconds now+48h
linkerd_credentials_issuer_failed_attempts 2
linkerd_credentials_issuer_retries_before_end 47
linkerd_credentials_issuer_loaded{replica="linkerd-identity-1"} 0
linkerd_credentials_issuer_loaded{replica="linkerd-identity-2"} 1
linkerd_credentials_issuer_loaded_not_before_timestamp_seconds{replica="linkerd-identity-1"} now-1h
linkerd_credentials_issuer_loaded_not_before_timestamp_seconds{replica="linkerd-identity-2"} now-1h
linkerd_credentials_issuer_loaded_not_after_timestamp_seconds{replica="linkerd-identity-1"} now+48h
linkerd_credentials_issuer_loaded_not_after_timestamp_seconds{replica="linkerd-identity-2"} now+48h
linkerd_credentials_issuer_reload_timestamp_seconds{reason="IssuerUpdateSkipped"} now-1h
linkerd_credentials_pods{meshed_namespace="bank",state="current"} 1
linkerd_credentials_pods{meshed_namespace="bank",state="overlapping"} 0
linkerd_credentials_pods{meshed_namespace="bank",state="stale"} 0
linkerd_credentials_pods{meshed_namespace="bank",state="unknown"} 0
linkerd_credentials_pods{meshed_namespace="shop",state="current"} 1
linkerd_credentials_pods{meshed_namespace="shop",state="overlapping"} 2
linkerd_credentials_pods{meshed_namespace="shop",state="stale"} 0
linkerd_credentials_pods{meshed_namespace="shop",state="unknown"} 0
linkerd_credentials_leaves{state="live"} 1
linkerd_credentials_leaves{state="failing"} 0
linkerd_credentials_leaves{state="ended"} 1
linkerd_credentials_leaves{state="refused"} 0
linkerd_credentials_leaves{state="unknown"} 1
linkerd_credentials_leaf_first_not_after_timestamp_seconds now-3h
`,
    );
  });

  test("have each name once, with its help and its type before its samples, in every line as Prometheus reads it", () => {
    const lines = textOf(sound).split("\n");
    assert.equal(lines.pop(), "");
    const seen = new Set<string>();
    let current = "";
    for (const line of lines) {
      const [, help] = /^# HELP (\w+) \S.*$/.exec(line) ?? [];
      if (help !== undefined) {
        assert.ok(!seen.has(help), help);
        seen.add(help);
        current = help;
      } else if (line.startsWith("# TYPE")) assert.equal(line, `# TYPE ${current} gauge`);
      else assert.match(line, new RegExp(`^${current}(\\{(\\w+="[^"\\n]*",?)+\\})? [\\d.]+$`));
    }
  });

  test("are silent of what is not known: an issuer that is not stored, and one of someone else's below an intermediate", () => {
    const text = textOf({
      ...sound,
      issuer: { secretName: "linkerd-identity-issuer", intermediates: [], unreadable: "It does not exist." },
      generations: [{ ...sound.generations[0]!, signs: false, number: undefined }],
    });
    assert.doesNotMatch(text, /issuer_not_|rotation_|signing_generation/);
    assert.match(text, /_in_bundle\{generation="",/);
    // What a replica has loaded cannot be what is stored.
    assert.match(text, /^linkerd_credentials_issuer_loaded\{replica="linkerd-identity-1"\} 0$/m);
  });

  test("have every name that an alert or a panel asks for", async () => {
    const { text } = await inRotation();
    const known = {
      namespace: "linkerd",
      issuerDuration: "48h",
      issuerRenewBefore: "25h",
      issuanceLifetime: "24h",
      rotationAllowance: "90h",
    };
    const expressions = [
      ...alertGroups(alertSettings(resolve({}), known)).flatMap(({ alerts }) =>
        alerts.map(({ expression }) => expression),
      ),
      ...rows.flatMap(({ panels }) =>
        panels.flatMap(({ queries }) => queries.map(({ expression }) => expression)),
      ),
    ];
    const asked = new Set(expressions.flatMap((one) => one.match(/linkerd_credentials_\w+/g) ?? []));
    assert.ok(asked.size > 15);
    assert.deepEqual(
      [...asked].filter((name) => !text.includes(`# TYPE ${name} gauge\n`)),
      [],
    );
  });

  test("escape what certificates are named", () => {
    const facts = statusFacts(sound, []);
    const [generation] = facts.generations;
    const text = statusMetrics({ ...facts, generations: [{ ...generation!, subject: 'CN="a\\b"\n' }] });
    assert.ok(text.includes(String.raw`subject="CN=\"a\\b\"\n",`), text);
  });
});
