/**
 * Every source of the trust anchor that Pulumi keeps, with every source of the identity issuer: one mesh goes from one to
 * the next without being installed again.
 */
import assert from "node:assert/strict";
import { generateKeyPairSync, KeyObject, X509Certificate } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { until } from "../../sandbox/until.ts";
import { authority, type Fabricated, hoursFromNow, leaf } from "../certificates.ts";
import {
  check,
  credentials,
  execute,
  kubectl,
  operation,
  pulumi,
  refused,
  removeSandbox,
  renew,
  run,
  set,
  startSandbox,
  temporaryFolder,
  unset,
  up,
  upChangesNothing,
} from "../stack.ts";

const group = "issuers.example.com";
const issuerName = "linkerd-identity-issuer";
const folder = temporaryFolder();
/** An organisation's own root, and another one of the same name. */
let company: Fabricated;
let stranger: Fabricated;

/** Runs `up` twice: the second changes nothing. */
async function upTwice(): Promise<void> {
  await up();
  await upChangesNothing();
}

async function provide(name: "company" | "stranger"): Promise<void> {
  await set("providedTrustAnchors.1.certificateFile", join(folder, `${name}.pem`));
  await set("providedTrustAnchors.1.privateKeyFile", join(folder, `${name}.key`));
}

/** Sets the reference to the issuer in place of the one before; without parts, removes it. */
async function refer(parts: Readonly<Record<string, string>>): Promise<void> {
  await unset("identityIssuerRef");
  for (const [part, value] of Object.entries(parts)) await set(`identityIssuerRef.${part}`, value);
}

async function apply(...objects: object[]): Promise<void> {
  const file = join(folder, "objects.json");
  writeFileSync(file, JSON.stringify({ apiVersion: "v1", kind: "List", items: objects }), { mode: 0o600 });
  await kubectl("apply", "--server-side", "--force-conflicts", "--filename", file);
}

const pemOf = ({ certificate }: Pick<Fabricated, "certificate">) => certificate.toString().trimEnd();
const keyOf = ({ privateKey }: Pick<Fabricated, "privateKey">) =>
  KeyObject.from(privateKey).export({ format: "pem", type: "pkcs8" }).toString();

const secretOf = (name: string, stringData: Readonly<Record<string, string>>) => ({
  apiVersion: "v1",
  kind: "Secret",
  metadata: { name, namespace: "linkerd" },
  stringData,
});

/** The Secret of the identity issuer, as a third party writes it. */
const issuerSecret = (issuer: Fabricated, root: Pick<Fabricated, "certificate">) =>
  secretOf(issuerName, { "tls.crt": pemOf(issuer), "tls.key": keyOf(issuer), "ca.crt": pemOf(root) });

const issuerBelow = (signer: Fabricated) =>
  authority({ commonName: "identity.linkerd.cluster.local", signer });

const issuerOver = (name: string, secretName: string) => ({
  apiVersion: "cert-manager.io/v1",
  kind: "Issuer",
  metadata: { name, namespace: "linkerd" },
  spec: { ca: { secretName } },
});

/** Waits until every running identity controller issues by that issuer, which each is asked to. */
async function untilIssuedBy({ certificate }: Fabricated): Promise<void> {
  const serialNumber = certificate.serialNumber.toLowerCase();
  await until(`every identity controller to use issuer ${serialNumber}`, 120_000, async () => {
    const { loaded } = await credentials();
    return (
      (loaded.length > 0 && loaded.every(({ issuer }) => issuer?.serialNumber === serialNumber)) ||
      JSON.stringify(loaded)
    );
  });
}

before(async () => {
  await startSandbox();
  const root = { commonName: "company root", notAfter: hoursFromNow(87_600) };
  company = await authority(root);
  stranger = await authority(root);
  for (const [name, one] of Object.entries({ company, stranger })) {
    // As organisations hand them out: with text around them, and Windows' line ends.
    writeFileSync(
      join(folder, `${name}.pem`),
      `Root of the company\r\n${pemOf(one).replaceAll("\n", "\r\n")}\r\n\r\n`,
    );
    writeFileSync(join(folder, `${name}.key`), keyOf(one), { mode: 0o600 });
  }
  await set("providedTrustAnchors.1.certificateFile", join(folder, "company.pem"));
});
after(removeSandbox);

/** Answers every request of cert-manager to the external issuer with a leaf, as a careless one would. */
async function answerWithLeaf(): Promise<void> {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const [key, root, csr, leaf] = [
    join(folder, "key"),
    join(folder, "root"),
    join(folder, "csr"),
    join(folder, "leaf"),
  ] as const;
  writeFileSync(key, privateKey.export({ type: "pkcs8", format: "pem" }), { mode: 0o600 });
  const openssl = (...args: string[]) => run("openssl", ...args);
  await openssl("req", "-x509", "-key", key, "-subj", "/CN=external", "-days", "30", "-out", root);
  let request: { metadata: { name: string }; spec: { request: string; issuerRef: object } } | undefined;
  await until("cert-manager's request to the external issuer", 180_000, async () => {
    const { code, stdout } = await execute("kubectl", [
      "get",
      "certificaterequests.cert-manager.io",
      "--namespace=linkerd",
      "--output=json",
    ]);
    if (code !== 0) return "no CertificateRequests yet";
    const { items } = JSON.parse(stdout) as { items: NonNullable<typeof request>[] };
    request = items.find(({ spec }) => (spec.issuerRef as { group?: string }).group === group);
    return request !== undefined || `${items.length} other requests`;
  });
  writeFileSync(csr, Buffer.from(request!.spec.request, "base64"));
  const signing = ["-CA", root, "-CAkey", key, "-days", "2", "-CAcreateserial"];
  await openssl("x509", "-req", "-in", csr, ...signing, "-out", leaf);
  assert.equal(new X509Certificate(readFileSync(leaf)).ca, false);
  const now = new Date().toISOString().replace(/\.\d+/, "");
  const condition = (type: string, reason: string) => ({
    type,
    status: "True",
    reason,
    message: "by the test",
    lastTransitionTime: now,
  });
  const patch = (status: object) =>
    kubectl(
      "patch",
      "certificaterequests.cert-manager.io",
      request!.metadata.name,
      "--namespace=linkerd",
      "--subresource=status",
      "--type=merge",
      `--patch=${JSON.stringify({ status })}`,
    );
  await patch({ conditions: [condition("Approved", "Test")] });
  await patch({
    conditions: [condition("Approved", "Test"), condition("Ready", "Issued")],
    certificate: readFileSync(leaf).toString("base64"),
    ca: readFileSync(root).toString("base64"),
  });
}

/** Runs what must change nothing of the mesh's identity, and leave nothing behind. */
async function untouched(run: () => Promise<void>): Promise<void> {
  const identity = () =>
    kubectl(
      "get",
      ...["secrets,configmaps,certificates,certificaterequests,issuers", "--namespace=linkerd"],
      "--output=jsonpath={range .items[*]}{.kind}/{.metadata.name} {.metadata.resourceVersion}{'\\n'}{end}",
    );
  const before = await identity();
  await run();
  assert.equal(await identity(), before);
}

test("an anchor without its key signs nothing, which is said before anything is made", async () => {
  const output = await refused("up");
  assert.match(
    output,
    /signingGeneration: Generation 1 is provided without its private key, so it cannot sign/,
  );
  assert.equal(await kubectl("get", "namespace", "linkerd", "--ignore-not-found"), "");
});

test("provided anchor, issuer of a third party: awaited, and a leaf in its place refused", async () => {
  await set("identityIssuerSource", "secret");
  const signed = await leaf({ commonName: "identity.linkerd.cluster.local", signer: company });
  const wrong = { ...(await issuerBelow(company)), certificate: signed };
  let applied: Promise<void> | undefined;
  let seen = "";
  const output = await refused("up", (text) => {
    seen += text;
    if (/Waiting for Secret linkerd\/linkerd-identity-issuer/.test(seen)) {
      applied ??= apply(issuerSecret(wrong, company));
    }
  });
  await applied;
  assert.match(
    output,
    /Secret linkerd\/linkerd-identity-issuer, tls\.crt: .*is not an authority \(CA:FALSE\)/,
  );
  assert.equal(await kubectl("get", "deployments", "--namespace=linkerd", "--output=name"), "");
  const early = await check();
  assert.equal(early.code, 2);
  assert.ok(early.findings.some(({ rule }) => rule === "is-ca"));

  const first = await issuerBelow(company);
  await apply(issuerSecret(first, company));
  await upTwice();
  await untilIssuedBy(first);
  const second = await issuerBelow(company);
  await apply(issuerSecret(second, company));
  await untilIssuedBy(second);
  const state = await pulumi("stack", "export", "--show-secrets");
  for (const one of [first, second, company]) assert.ok(!state.includes(keyOf(one).split("\n")[1]!));
  for (const options of [[], ["--secret", `linkerd/${issuerName}`]]) {
    assert.deepEqual(await check(...options), { code: 0, findings: [] });
  }
});

test("provided anchor, issuer by reference", async () => {
  await apply(
    secretOf("company", { "tls.crt": pemOf(company), "tls.key": keyOf(company) }),
    issuerOver("company", "company"),
  );
  await unset("identityIssuerSource");
  await refer({ name: "company" });
  await upTwice();
  await renew();
});

test("an external issuer that is not there, and one that answers with a leaf, are refused", async () => {
  await apply({
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: `signers.${group}` },
    spec: {
      group,
      scope: "Namespaced",
      names: { kind: "Signer", plural: "signers", singular: "signer" },
      versions: [
        { name: "v1", served: true, storage: true, schema: { openAPIV3Schema: { type: "object" } } },
      ],
    },
  });
  await refer({ name: "careless", kind: "Signer", group });
  const missing = await refused("up");
  assert.match(
    missing,
    /identityIssuerRef: The issuer Signer\.issuers\.example\.com careless does not exist in namespace linkerd/,
  );

  await apply({
    apiVersion: `${group}/v1`,
    kind: "Signer",
    metadata: { name: "careless", namespace: "linkerd" },
  });
  await untouched(async () => {
    const [output] = await Promise.all([refused("up"), answerWithLeaf()]);
    assert.match(
      output,
      /identityIssuerRef, what Signer\.issuers\.example\.com careless has signed on trial: .*is not an authority \(CA:FALSE\)/,
    );
  });
  assert.deepEqual(await check(), { code: 0, findings: [] });
});

test("a ClusterIssuer that is not below the bundle is refused before cert-manager may use it", async () => {
  const secret = secretOf("elsewhere", { "tls.crt": pemOf(stranger), "tls.key": keyOf(stranger) });
  await apply(
    { ...secret, metadata: { name: "elsewhere", namespace: "cert-manager" } },
    { ...issuerOver("elsewhere", "elsewhere"), kind: "ClusterIssuer", metadata: { name: "elsewhere" } },
  );
  await refer({ name: "elsewhere", kind: "ClusterIssuer" });
  await untouched(async () =>
    assert.match(
      await refused("up"),
      /identityIssuerRef, what ClusterIssuer\.cert-manager\.io elsewhere has signed on trial: .*leads to no trust anchor/,
    ),
  );
  // As a node's drain does: whatever is in the Secret has to be good enough for a new controller.
  const pods = ["pods", "--namespace=linkerd", "--selector=linkerd.io/control-plane-component=identity"];
  await kubectl("delete", ...pods);
  await kubectl("wait", ...pods, "--for=condition=Ready", "--timeout=120s");
});

test("provided anchor with its key, issuer of cert-manager", async () => {
  await refer({});
  await set("providedTrustAnchors.1.privateKeyFile", join(folder, "company.key"));
  await upTwice();
  await renew();
});

test("a provided anchor does not become another one", async () => {
  const anchor = () =>
    kubectl("get", "secret", "linkerd-trust-anchor", "--namespace=linkerd", "--output=json");
  const before = await anchor();
  await provide("stranger");
  assert.match(await refused("up"), /protect/);
  await unset("providedTrustAnchors");
  assert.match(await refused("up"), /protect/);
  assert.equal(await anchor(), before);
  await provide("company");
});

test("an anchor that no issuer can be below is refused as another generation, by check and by up alike", async () => {
  const short = await authority({ commonName: "short", notAfter: hoursFromNow(87_600), pathLength: 0 });
  writeFileSync(join(folder, "short.pem"), pemOf(short));
  await set("trustAnchorGenerations[0]", "1");
  await set("trustAnchorGenerations[1]", "2");
  await set("providedTrustAnchors.2.certificateFile", join(folder, "short.pem"));
  await untouched(async () => {
    assert.match(await refused("up"), /providedTrustAnchors\.2\.certificatePem: .*\(path length\)/);
    const { code, findings } = await check();
    assert.deepEqual([code, findings.map(({ rule }) => rule)], [2, ["path-length"]]);
  });
  await unset("providedTrustAnchors.2");
});

test("a generation that nobody vouches for does not sign before the mesh trusts it, with or without a preview", async () => {
  await set("signingGeneration", "2");
  await set("crossSignTrustAnchors", "false");
  await untouched(async () => {
    for (const command of ["preview", "up"] as const) {
      assert.match(
        await refused(command),
        /signingGeneration: Generation 2 is to sign\. It is not in the bundle of the running mesh .*"company root"/,
      );
    }
  });
  const { code, findings } = await check();
  assert.deepEqual([code, findings.map(({ rule }) => rule)], [2, ["signer-trusted"]]);
  await unset("signingGeneration");
  await unset("crossSignTrustAnchors");
});

test("anchor of Pulumi beside it, issuer by reference, then of a third party", async () => {
  await up();
  await apply(issuerOver("by-hand", "linkerd-trust-anchor-2"));
  await refer({ name: "by-hand" });
  await upTwice();
  await renew();

  await refer({});
  await set("identityIssuerSource", "secret");
  await upTwice();
  const { code, stdout } = await operation("status");
  assert.equal(code, 1, stdout);
  assert.match(stdout, /Warning: Certificate linkerd\/linkerd-identity-issuer: .* nobody else has written/);
});

test("an anchor does not leave the bundle before a run has lifted its protection", async () => {
  await unset("trustAnchorGenerations");
  await unset("providedTrustAnchors");
  await set("trustAnchorGenerations[0]", "2");
  await untouched(async () => {
    for (const protect of ["true", "false"]) {
      await set("protectTrustAnchors", protect);
      assert.match(
        await refused("up"),
        /trustAnchorGenerations: \[2\] would take "company root" out .* generation 1 is protected in the stack's state/,
      );
    }
  });
});
