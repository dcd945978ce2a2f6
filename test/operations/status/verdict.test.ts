import assert from "node:assert/strict";
import type { X509Certificate } from "node:crypto";
import { suite, test } from "node:test";
import type { Certificate, Condition } from "../../../mesh/certManager.ts";
import { factsOf } from "../../../operations/format.ts";
import { statusJson } from "../../../operations/status/json.ts";
import type { MeshStatus } from "../../../operations/status/read.ts";
import type { Renewal, Signer } from "../../../operations/status/renewal.ts";
import { statusTable } from "../../../operations/status/table.ts";
import { problemsOf } from "../../../operations/status/verdict.ts";
import type { WebhookCredential } from "../../../operations/status/webhooks.ts";
import { defaultPurpose } from "../../../rules/credentials/credentials.ts";
import { describeFinding } from "../../../rules/finding.ts";
import { broken } from "../../../rules/rules.ts";
import { authority, hoursFromNow, leaf, now, parsed } from "../../certificates.ts";

const anchor = await authority({ commonName: "root.linkerd.cluster.local", notAfter: hoursFromNow(87600) });
const issuer = await authority({ commonName: "identity.linkerd.cluster.local", signer: anchor });
const previousIssuer = await authority({ commonName: "identity.linkerd.cluster.local", signer: anchor });
const serverName = "linkerd-proxy-injector.linkerd.svc";
const webhookAuthority = await authority({ commonName: "webhook authority" });

const ready: Condition = { type: "Ready", status: "True", reason: "Ready", message: "up to date" };

const renewedBy = (status: Certificate["status"] = {}): Certificate => ({
  metadata: { name: "linkerd-identity-issuer", uid: "1" },
  spec: { secretName: "linkerd-identity-issuer", issuerRef: { name: "linkerd-trust-anchor" } },
  status: { conditions: [ready], revision: 1, renewalTime: hoursFromNow(23).toISOString(), ...status },
});

const webhook: WebhookCredential = {
  name: "proxy injector",
  secretName: "linkerd-proxy-injector-k8s-tls",
  certificate: parsed(await leaf({ commonName: serverName, signer: webhookAuthority })),
  intermediates: [],
  serverName,
  caBundle: [parsed(webhookAuthority.certificate)],
  served: [],
};

const serialOf = ({ certificate }: typeof issuer) => factsOf(parsed(certificate)).serialNumber;

const issued = parsed(await leaf({ commonName: "default.linkerd", signer: issuer }));

const loaded = (certificate: X509Certificate) => ({
  podName: "linkerd-identity-1",
  proof: {
    issuer: parsed(certificate),
    anchor: parsed(anchor.certificate),
    identity: "default.linkerd",
    leaf: issued,
    intermediates: [parsed(certificate)],
  },
});

const pemOf = (...certificates: X509Certificate[]) =>
  certificates.map((certificate) => certificate.toString().trimEnd()).join("\n");

/** A bundle of these anchors, as Linkerd's ConfigMap has it. */
const trusting = (...anchors: X509Certificate[]): MeshStatus["trust"] => ({
  purpose: defaultPurpose,
  bundle: { field: "ConfigMap linkerd/linkerd-identity-trust-roots", text: pemOf(...anchors) },
  anchors: anchors.map(parsed),
});

/** The issuer's Secret with this certificate. */
const storing = (certificate: X509Certificate): MeshStatus["issuer"] => ({
  secretName: "linkerd-identity-issuer",
  pem: { field: "Secret linkerd/linkerd-identity-issuer, tls.crt", text: pemOf(certificate) },
  certificate: parsed(certificate),
  intermediates: [],
  renewedBy: renewedBy(),
});

const programs = (["controller", "webhook", "cainjector"] as const).map((component) => ({
  component,
  namespace: "cert-manager",
  name: component,
  availableReplicas: 1,
  clusterResourceNamespace: "cert-manager",
  args: [],
}));

const signer: Signer = {
  group: "cert-manager.io",
  kind: "Issuer",
  name: "linkerd-trust-anchor",
  namespace: "linkerd",
  isKnown: true,
  isNamespaced: true,
  issuer: { status: { conditions: [ready] } },
  signs: ["linkerd-identity-issuer"],
  secret: { namespace: "linkerd", name: "linkerd-trust-anchor", exists: true, lacks: [], certificates: [] },
};

const renewal: Renewal = { certificates: [renewedBy()], programs, signers: [signer] };

const healthy: MeshStatus = {
  context: "test",
  namespace: "linkerd",
  readAt: now,
  trust: trusting(anchor.certificate),
  generations: [],
  issuer: storing(issuer.certificate),
  webhooks: [webhook],
  controllers: [loaded(issuer.certificate)],
  renewal,
  unknown: [],
  emergencies: [],
};

/** The only problem of the credentials, as one text. */
function onlyProblem(credentials: MeshStatus): string {
  const problems = problemsOf(credentials);
  assert.equal(problems.length, 1, JSON.stringify(problems));
  return describeFinding(problems[0]!);
}

suite("The verdict on the credentials", () => {
  test("is good where all are valid and the loaded issuer is the stored one", () => {
    assert.deepEqual(problemsOf(healthy), []);
  });

  test("names an expired trust anchor, even beside a valid one", async () => {
    const expired = await authority({
      commonName: "old root",
      notBefore: hoursFromNow(-48),
      notAfter: hoursFromNow(-24),
    });
    const problem = onlyProblem({ ...healthy, trust: trusting(expired.certificate, anchor.certificate) });
    assert.match(
      problem,
      /ConfigMap linkerd\/linkerd-identity-trust-roots: Certificate 1, "old root", expired at .*\n.*npm run -s recover.* take its generation out of trustAnchorGenerations/,
    );
  });

  test("names an issuer whose anchor is not in the bundle", async () => {
    const other = await authority({ commonName: "another root", notAfter: hoursFromNow(87600) });
    const problem = onlyProblem({ ...healthy, trust: trusting(other.certificate) });
    assert.match(
      problem,
      /Secret linkerd\/linkerd-identity-issuer, tls\.crt: .* leads to no trust anchor: .*\n.*Have an anchor of the mesh sign it, .*trustAnchorGenerations/,
    );
  });

  test("names an expired issuer, and says how to renew it", async () => {
    const expired = await authority({
      commonName: "identity.linkerd.cluster.local",
      signer: anchor,
      notBefore: hoursFromNow(-48),
      notAfter: hoursFromNow(-1),
    });
    const problem = onlyProblem({
      ...healthy,
      issuer: storing(expired.certificate),
      controllers: [loaded(expired.certificate)],
    });
    assert.match(problem, /expired at .*\n.* npm run -s renew/);
  });

  test("names an issuer that may not sign", async () => {
    const certificate = await leaf({ commonName: "identity.linkerd.cluster.local", signer: anchor });
    const problem = onlyProblem({
      ...healthy,
      issuer: storing(certificate),
      controllers: [loaded(certificate)],
    });
    assert.match(problem, /is not an authority \(CA:FALSE\)/);
  });

  test("names a Secret without certificate", () => {
    const problem = onlyProblem({
      ...healthy,
      issuer: {
        secretName: "linkerd-identity-issuer",
        intermediates: [],
        unreadable: "The Secret has no key tls.crt.",
      },
    });
    assert.match(problem, /Secret linkerd\/linkerd-identity-issuer: The Secret has no key tls\.crt/);
  });

  test("warns of an anchor that ends soon, and advises a rotation by trustAnchorGenerations", async () => {
    const ending = async (seconds: number) =>
      (await authority({ commonName: "other", notAfter: hoursFromNow(seconds / 3600) })).certificate;
    const five = { ...healthy, trust: trusting(anchor.certificate, await ending(5 * 86_400)) };
    const [finding, ...more] = problemsOf(five);
    assert.deepEqual([finding?.severity, finding?.rule, more], ["warning", "anchor-ends-soon", []]);
    assert.match(finding!.fix, /^Rotate it now: npm run -s rotate -- plan/);
    assert.deepEqual(problemsOf(five, "48h"), []);
    const moment = { ...healthy, trust: trusting(anchor.certificate, await ending(82)) };
    assert.match(onlyProblem(moment), /anchor-ends-soon/);
    const distributed = { ...moment, trust: { ...moment.trust, distributedSha256: "present" } };
    assert.match(onlyProblem(distributed), /Fix: Rotate it now: renew the Certificate linkerd-trust-anchor/);
    const late = await ending(3600);
    const gone = { ...healthy, readAt: hoursFromNow(2), trust: trusting(anchor.certificate, late) };
    assert.match(onlyProblem(gone), /expired at .*\n.*Fix: If it signs: npm run -s recover/);
    const only = await authority({ commonName: "root.linkerd.cluster.local", notAfter: hoursFromNow(2000) });
    const below = await authority({ commonName: "identity.linkerd.cluster.local", signer: only });
    const early: MeshStatus = {
      ...healthy,
      trust: trusting(only.certificate),
      issuer: storing(below.certificate),
      controllers: [loaded(below.certificate)],
    };
    assert.deepEqual(problemsOf(early), [], "it is in the first half of its life");
  });

  test("names a controller that still uses the previous issuer, and how to restart it", () => {
    const problem = onlyProblem({ ...healthy, controllers: [loaded(previousIssuer.certificate)] });
    assert.ok(problem.includes(`has loaded issuer ${serialOf(previousIssuer)}`));
    assert.ok(problem.includes(`holds ${serialOf(issuer)}`));
    assert.match(problem, /: kubectl -n linkerd rollout restart deploy\/linkerd-identity$/m);
  });

  test("tells why a controller refused the stored issuer", () => {
    const problem = onlyProblem({
      ...healthy,
      controllers: [loaded(previousIssuer.certificate)],
      lastReload: {
        uid: "1",
        reason: "IssuerUpdateSkipped",
        message: "x509: certificate signed by unknown authority",
        count: 1,
        time: new Date(),
      },
    });
    assert.match(problem, /which it refused: x509: certificate signed by unknown authority/);
  });

  test("names one lagging controller among several", () => {
    const lagging = { ...loaded(previousIssuer.certificate), podName: "linkerd-identity-2" };
    const problem = onlyProblem({ ...healthy, controllers: [loaded(issuer.certificate), lagging] });
    assert.match(problem, /^Pod linkerd\/linkerd-identity-2: The identity controller has loaded/);
  });

  test("names a controller that gives no certificate, and the absence of any", () => {
    const failed = { podName: "linkerd-identity-1", failure: "Certify failed with UNKNOWN: x509" };
    assert.match(onlyProblem({ ...healthy, controllers: [failed] }), /gave no certificate: Certify failed/);
    assert.match(onlyProblem({ ...healthy, controllers: [] }), /No identity controller is running/);
  });

  test("names leaves that are cut to the end of the issuer, or of a cross certificate", async () => {
    const proof = healthy.controllers[0]!.proof!;
    const short = parsed(
      await leaf({ commonName: "default.linkerd", signer: issuer, notAfter: hoursFromNow(2) }),
    );
    const cut = (intermediates = proof.intermediates) =>
      onlyProblem({
        ...healthy,
        controllers: [{ podName: "linkerd-identity-1", proof: { ...proof, leaf: short, intermediates } }],
      });
    assert.match(
      cut(),
      /live 3 h 0 min, and not 24h: they are cut to the end of the identity issuer, at .*\n.*renew\./,
    );
    const cross = await authority({ commonName: "root-2", signer: anchor, notAfter: hoursFromNow(2) });
    assert.match(
      cut([...proof.intermediates, parsed(cross.certificate)]),
      /cut to the end of "root-2", which is in their chain.*\n.*Finish the rotation before/,
    );
  });

  test("names a Certificate that is not ready, that fails, or whose renewal is overdue", () => {
    const withStatus = (status: Certificate["status"]) =>
      onlyProblem({ ...healthy, renewal: { ...renewal, certificates: [renewedBy(status)] } });
    const notReady: Condition = { ...ready, status: "False", message: "Issuer not found" };
    assert.match(withStatus({ conditions: [notReady] }), /is not ready: Issuer not found/);
    const failed: Condition = { type: "Issuing", status: "False", reason: "Failed", message: "no signer" };
    assert.match(
      withStatus({ conditions: [ready, failed], failedIssuanceAttempts: 2 }),
      /2 failed attempts to issue: no signer/,
    );
    assert.match(
      withStatus({ renewalTime: hoursFromNow(-1).toISOString() }),
      /should have been renewed 1 h 0 min ago/,
    );
  });

  test("accepts a Certificate that is being issued right now", () => {
    const conditions: Condition[] = [
      { ...ready, status: "False" },
      { type: "Issuing", status: "True" },
    ];
    const certificates = [renewedBy({ conditions })];
    assert.deepEqual(problemsOf({ ...healthy, renewal: { ...renewal, certificates } }), []);
  });

  test("names a webhook that the API server does not trust, or that has another name", () => {
    assert.match(
      onlyProblem({ ...healthy, webhooks: [{ ...webhook, caBundle: [] }] }),
      /The API server will not trust the proxy injector.*\n.*Upgrade the linkerd-control-plane chart/,
    );
    assert.match(
      onlyProblem({ ...healthy, webhooks: [{ ...webhook, serverName: "other.linkerd.svc" }] }),
      /The certificate is not for other\.linkerd\.svc/,
    );
  });
});

suite("What a webhook serves", () => {
  const serving = (certificate: X509Certificate, stored = webhook.certificate!): MeshStatus => ({
    ...healthy,
    webhooks: [
      { ...webhook, certificate: stored, served: [{ podName: "injector-1", chain: [parsed(certificate)] }] },
    ],
  });
  const make = (notBefore: number, signer = webhookAuthority) =>
    leaf({ commonName: serverName, signer, notBefore: hoursFromNow(notBefore), notAfter: hoursFromNow(9) });

  test("is what is stored, or the one before it as long as the kubelet may take", async () => {
    const before = await make(-5);
    assert.deepEqual(problemsOf(serving(webhook.certificate!.x509)), []);
    assert.deepEqual(problemsOf(serving(before, parsed(await make(0)))), []);
    assert.match(
      onlyProblem(serving(before, parsed(await make(-1)))),
      /^Pod linkerd\/injector-1: The proxy injector serves certificate .* The API server accepts it until .*\n.*delete pod injector-1\n.*webhook-served/,
    );
  });

  test("is a problem at once where the API server refuses it, or nothing is served", async () => {
    const other = await authority({ commonName: "other" });
    assert.match(
      onlyProblem(serving(await make(-5, other), parsed(await make(0)))),
      /The API server refuses it: .*leads to no trust anchor/,
    );
    const silent = { ...webhook, served: [{ podName: "injector-1", failure: "connect ECONNREFUSED" }] };
    assert.match(
      onlyProblem({ ...healthy, webhooks: [silent] }),
      /does not answer with a certificate: connect ECONNREFUSED/,
    );
  });
});

suite("What renews is a part of the verdict:", () => {
  const withSigner = (changed: Partial<Signer>, unknown: readonly string[] = []) => ({
    ...healthy,
    renewal: { ...renewal, signers: [{ ...signer, ...changed }] },
    unknown,
  });

  test("cert-manager, all of it", () => {
    const having = (some: Renewal["programs"]) => ({ ...healthy, renewal: { ...renewal, programs: some } });
    assert.match(
      onlyProblem(having([])),
      /^cert-manager: cert-manager is not on the cluster.*\n.*pulumi up --refresh/,
    );
    for (const program of programs) {
      const others = programs.filter((one) => one !== program);
      const stopped = { ...program, availableReplicas: 0 };
      assert.match(
        onlyProblem(having([...others, stopped])),
        new RegExp(
          `^Deployment cert-manager/${program.name}: cert-manager's ${program.component} is not running.*\n.*kubectl -n cert-manager describe deployment ${program.name}\n.*cert-manager-running`,
        ),
      );
      assert.match(
        onlyProblem(having(others)),
        new RegExp(`cert-manager's ${program.component} is not on the`),
      );
      // A second installation that is scaled down does no harm.
      assert.deepEqual(problemsOf(having([...programs, stopped])), []);
    }
  });

  test("each issuer, and the Secret with which it signs", () => {
    assert.match(
      onlyProblem(withSigner({ issuer: undefined })),
      /^Issuer linkerd\/linkerd-trust-anchor: The issuer does not exist\. It signs linkerd-identity-issuer, .*\n.*\n.*issuer-exists/,
    );
    assert.match(
      onlyProblem(withSigner({ issuer: undefined, isKnown: false })),
      /The cluster has no kind Issuer in the API group cert-manager\.io\./,
    );
    const notReady = { status: { conditions: [{ ...ready, status: "False", message: "no key" } as const] } };
    assert.match(
      onlyProblem(withSigner({ issuer: notReady })),
      /The issuer is not Ready: no key\. .*\n.*kubectl -n linkerd describe issuer\.cert-manager\.io linkerd-trust-anchor\n.*issuer-ready/,
    );
    const { secret } = signer;
    assert.match(
      onlyProblem(
        withSigner({
          issuer: notReady,
          secret: { ...secret!, exists: false, lacks: ["tls.crt", "tls.key"] },
        }),
      ),
      /^Secret linkerd\/linkerd-trust-anchor: The Secret does not exist, and the Issuer .* needs it.*\n.*--refresh\.\n.*issuer-secret/,
    );
    assert.match(
      onlyProblem(withSigner({ secret: { ...secret!, lacks: ["tls.key"] } })),
      /The Secret has no tls\.key, and/,
    );
  });

  test("an issuer of another group, which need not say whether it is ready", () => {
    const other = { group: "example.com", kind: "Signer" };
    assert.deepEqual(problemsOf(withSigner({ ...other, issuer: {} })), []);
    assert.match(onlyProblem(withSigner({ issuer: {} })), /is not Ready: cert-manager has not looked at it/);
  });

  test("the Certificate that a Secret was written for", () => {
    const orphan = { ...healthy.issuer, renewedBy: undefined, writtenFor: "linkerd-identity-issuer" };
    assert.match(
      onlyProblem({ ...healthy, issuer: orphan }),
      /^Certificate linkerd\/linkerd-identity-issuer: The Certificate does not exist.*\n.*\n.*certificate-exists/,
    );
    assert.deepEqual(problemsOf({ ...healthy, issuer: { ...orphan, writtenFor: undefined } }), []);
  });

  test("and what may not be looked at is not known, in words", () => {
    const reasons = ["Deployments of cert-manager in every namespace: forbidden (HTTP 403)."];
    const seen = { ...healthy, renewal: { ...renewal, programs: undefined }, unknown: reasons };
    const [finding, ...more] = problemsOf(seen);
    assert.deepEqual([finding?.severity, more], ["warning", []]);
    assert.match(
      finding!.message,
      /could not be seen, .* not known: Deployments of cert-manager .*forbidden/,
    );
    assert.match(statusTable(seen, [finding!]), /\ncert-manager: not known\n.*\nWarning: .*not known/s);
    assert.equal(JSON.parse(statusJson(seen, [finding!])).verdict, "warning");
  });

  test("how many retries fit before the issuer's end, by how cert-manager is configured", () => {
    const configured = { extraArgs: [], config: {} };
    const told = (values: typeof configured) =>
      statusTable({ ...healthy, renewal: { ...renewal, configured: values } }, []);
    // 25 hours: after 1, 3, 7 and 15.
    assert.match(
      told(configured),
      /last issuance of the identity issuer: succeeded \(revision 1, .* 4 retries fit/,
    );
    const hourly = { extraArgs: [], config: { certificateRequestMaximumBackoffDuration: "1h" } };
    assert.match(told(hourly), /, 24 retries fit before the issuer's end/);
    assert.doesNotMatch(statusTable(healthy, []), /retries/);
  });

  test("in the table and as JSON", () => {
    const table = statusTable(healthy, []);
    assert.match(
      table,
      /\ncert-manager: controller in cert-manager \(1 running\), .*\n {2}Issuer linkerd\/linkerd-trust-anchor: Ready, Secret linkerd\/linkerd-trust-anchor is there; signs linkerd-identity-issuer\n/,
    );
    const shown = JSON.parse(statusJson(healthy, [])).renewal;
    assert.deepEqual(
      shown.certManager,
      programs.map(({ component, namespace, name, availableReplicas }) => ({
        ...{ component, namespace, name, availableReplicas },
      })),
    );
    assert.equal(shown.issuers[0].ready, "True");
    assert.doesNotMatch(statusTable({ ...healthy, renewal: undefined }, []), /cert-manager:/);
  });
});

suite("The credentials are shown", () => {
  const wrong = broken("issuer-loaded", { field: "Here", message: "Something is wrong.", fix: "Mend it." });

  test("as a table with one row each, the evidence and the verdict", () => {
    const lines = statusTable(healthy, []).split("\n");
    assert.match(lines[2]!, /^CREDENTIAL +SUBJECT +SHA-256 +VALID FROM +VALID UNTIL +LEFT +NEXT RENEWAL$/);
    assert.match(
      lines[3]!,
      /^trust anchor +root\.linkerd\.cluster\.local +([0-9A-F]{2}:){5}[0-9A-F]{2} .* by a new generation$/,
    );
    assert.match(lines[4]!, /^identity issuer .* \(in 23 h 0 min\)$/);
    assert.match(lines[5]!, /^proxy injector .* at the next upgrade of the chart$/);
    assert.ok(lines.includes(`Identity controller linkerd-identity-1 has loaded issuer ${serialOf(issuer)}`));
    assert.match(lines.at(-1)!, /^All right/);
    const table = statusTable(healthy, [wrong]);
    assert.match(table, /\nProblem: Here: Something is wrong\.\n {4}Fix: Mend it\.\n {4}Rule: issuer-loaded/);
  });

  test("as JSON", () => {
    const shown = JSON.parse(statusJson(healthy, []));
    assert.equal(shown.verdict, "ok");
    assert.equal(shown.issuer.serialNumber, serialOf(issuer));
    assert.equal(shown.loaded[0].issuer.serialNumber, serialOf(issuer));
    assert.equal(shown.anchors[0].notAfter, anchor.certificate.validToDate.toISOString());
    const { verdict, problems } = JSON.parse(statusJson(healthy, [wrong]));
    assert.equal(verdict, "problem");
    assert.deepEqual(problems, [{ what: "Here: Something is wrong.", ...wrong }]);
  });
});

suite("Where the anchor is kept on the cluster", () => {
  const distributed: MeshStatus = {
    ...healthy,
    trust: { ...healthy.trust, distributedSha256: "present" },
    controllers: [{ ...loaded(issuer.certificate), bundleSha256: "present" }],
    anchorRenewedBy: {
      metadata: { name: "linkerd-trust-anchor", uid: "2" },
      spec: { secretName: "linkerd-trust-anchor", issuerRef: { name: "linkerd-trust-root-issuer" } },
      status: {
        notBefore: anchor.certificate.validFromDate.toISOString(),
        notAfter: anchor.certificate.validToDate.toISOString(),
        renewalTime: hoursFromNow(87432).toISOString(),
      },
    },
  };

  test("its row has the time at which cert-manager would replace it, and so has the JSON", async () => {
    assert.deepEqual(problemsOf(distributed), []);
    const outgoing = await authority({ commonName: "root.linkerd.cluster.local" });
    const anchors = [anchor.certificate, outgoing.certificate].map(parsed);
    const both = { ...distributed, trust: { ...distributed.trust, anchors } };
    const rows = statusTable(both, [])
      .split("\n")
      .filter((line) => line.startsWith("trust anchor"));
    assert.match(rows[0]!, /in 3643 d .*, unless rotated before$/);
    assert.match(rows[1]!, /none: an outgoing anchor$/);
    const shown = JSON.parse(statusJson(both, [])) as { anchors: { nextRenewal?: string }[] };
    assert.deepEqual(
      shown.anchors.map(({ nextRenewal }) => nextRenewal),
      [hoursFromNow(87432).toISOString(), undefined],
    );
  });

  test("a controller that was started with another bundle is a problem before the next issuer is", () => {
    const controllers = [{ ...loaded(issuer.certificate), bundleSha256: "before" }];
    assert.match(
      onlyProblem({ ...distributed, controllers }),
      /linkerd-identity-1: The identity controller was started with other trust anchors .*\n.* pulumi up/,
    );
    assert.deepEqual(problemsOf({ ...distributed, controllers: [loaded(issuer.certificate)] }), []);
  });
});
