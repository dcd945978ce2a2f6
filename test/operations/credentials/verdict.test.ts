import assert from "node:assert/strict";
import type { X509Certificate } from "node:crypto";
import { suite, test } from "node:test";
import type { Certificate, Condition } from "../../../mesh/certManager.ts";
import type { Credentials, WebhookCredential } from "../../../operations/credentials/read.ts";
import { credentialsJson, credentialsTable } from "../../../operations/credentials/table.ts";
import { problemsOf } from "../../../operations/credentials/verdict.ts";
import { factsOf } from "../../../operations/format.ts";
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
  spec: { secretName: "linkerd-identity-issuer" },
  status: { conditions: [ready], revision: 1, renewalTime: hoursFromNow(23).toISOString(), ...status },
});

const webhook: WebhookCredential = {
  name: "proxy injector",
  secretName: "linkerd-proxy-injector-k8s-tls",
  certificate: parsed(await leaf({ commonName: serverName, signer: webhookAuthority })),
  intermediates: [],
  serverName,
  caBundle: [parsed(webhookAuthority.certificate)],
};

const serialOf = ({ certificate }: typeof issuer) => factsOf(parsed(certificate)).serialNumber;

const loaded = (certificate: X509Certificate) => ({
  podName: "linkerd-identity-1",
  proof: { issuer: parsed(certificate), anchor: parsed(anchor.certificate), identity: "default.linkerd" },
});

const pemOf = (...certificates: X509Certificate[]) =>
  certificates.map((certificate) => certificate.toString().trimEnd()).join("\n");

/** A bundle of these anchors, as Linkerd's ConfigMap has it. */
const trusting = (...anchors: X509Certificate[]): Credentials["trust"] => ({
  purpose: defaultPurpose,
  bundle: { field: "ConfigMap linkerd/linkerd-identity-trust-roots", text: pemOf(...anchors) },
  anchors: anchors.map(parsed),
});

/** The issuer's Secret with this certificate. */
const storing = (certificate: X509Certificate): Credentials["issuer"] => ({
  secretName: "linkerd-identity-issuer",
  pem: { field: "Secret linkerd/linkerd-identity-issuer, tls.crt", text: pemOf(certificate) },
  certificate: parsed(certificate),
  intermediates: [],
  renewedBy: renewedBy(),
});

const healthy: Credentials = {
  context: "test",
  namespace: "linkerd",
  readAt: now,
  trust: trusting(anchor.certificate),
  issuer: storing(issuer.certificate),
  webhooks: [webhook],
  controllers: [loaded(issuer.certificate)],
};

/** The only problem of the credentials, as one text. */
function onlyProblem(credentials: Credentials): string {
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
      /ConfigMap linkerd\/linkerd-identity-trust-roots: Certificate 1, "old root", expired at .*\n.*Remove it from the bundle/,
    );
  });

  test("names an issuer whose anchor is not in the bundle", async () => {
    const other = await authority({ commonName: "another root", notAfter: hoursFromNow(87600) });
    const problem = onlyProblem({ ...healthy, trust: trusting(other.certificate) });
    assert.match(
      problem,
      /Secret linkerd\/linkerd-identity-issuer, tls\.crt: .* leads to no trust anchor: .*\n.*Add the anchor/,
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

  test("names a Certificate that is not ready, that fails, or whose renewal is overdue", () => {
    const withStatus = (status: Certificate["status"]) =>
      onlyProblem({ ...healthy, issuer: { ...healthy.issuer, renewedBy: renewedBy(status) } });
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
    const issuing = { ...healthy.issuer, renewedBy: renewedBy({ conditions }) };
    assert.deepEqual(problemsOf({ ...healthy, issuer: issuing }), []);
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

suite("The credentials are shown", () => {
  const wrong = broken("issuer-loaded", { field: "Here", message: "Something is wrong.", fix: "Mend it." });

  test("as a table with one row each, the evidence and the verdict", () => {
    const lines = credentialsTable(healthy, []).split("\n");
    assert.match(lines[2]!, /^CREDENTIAL +SUBJECT +SHA-256 +VALID FROM +VALID UNTIL +LEFT +NEXT RENEWAL$/);
    assert.match(
      lines[3]!,
      /^trust anchor +root\.linkerd\.cluster\.local +([0-9A-F]{2}:){5}[0-9A-F]{2} .* by a new generation$/,
    );
    assert.match(lines[4]!, /^identity issuer .* \(in 23 h 0 min\)$/);
    assert.match(lines[5]!, /^proxy injector .* at the next upgrade of the chart$/);
    assert.ok(lines.includes(`Identity controller linkerd-identity-1 has loaded issuer ${serialOf(issuer)}`));
    assert.match(lines.at(-1)!, /^All right/);
    const table = credentialsTable(healthy, [wrong]);
    assert.match(table, /\nProblem: Here: Something is wrong\.\n {4}Fix: Mend it\.\n {4}Rule: issuer-loaded/);
  });

  test("as JSON", () => {
    const shown = JSON.parse(credentialsJson(healthy, []));
    assert.equal(shown.verdict, "ok");
    assert.equal(shown.issuer.serialNumber, serialOf(issuer));
    assert.equal(shown.loaded[0].issuer.serialNumber, serialOf(issuer));
    assert.equal(shown.anchors[0].notAfter, anchor.certificate.validToDate.toISOString());
    const { verdict, problems } = JSON.parse(credentialsJson(healthy, [wrong]));
    assert.equal(verdict, "problem");
    assert.deepEqual(problems, [{ what: "Here: Something is wrong.", ...wrong }]);
  });
});

suite("Where the anchor is kept on the cluster", () => {
  const distributed: Credentials = {
    ...healthy,
    trust: { ...healthy.trust, distributedSha256: "present" },
    controllers: [{ ...loaded(issuer.certificate), bundleSha256: "present" }],
    anchorRenewedBy: {
      metadata: { name: "linkerd-trust-anchor", uid: "2" },
      spec: { secretName: "linkerd-trust-anchor" },
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
    const rows = credentialsTable(both, [])
      .split("\n")
      .filter((line) => line.startsWith("trust anchor"));
    assert.match(rows[0]!, /in 3643 d .*, unless rotated before$/);
    assert.match(rows[1]!, /none: an outgoing anchor$/);
    const shown = JSON.parse(credentialsJson(both, [])) as { anchors: { nextRenewal?: string }[] };
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
