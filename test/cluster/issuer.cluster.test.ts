/** The identity issuer is signed by an issuer that is on the cluster already, of any group and kind. */
import assert from "node:assert/strict";
import { generateKeyPairSync, X509Certificate } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { reset } from "../../sandbox/lifecycle.ts";
import { until } from "../../sandbox/until.ts";
import { execute, sandboxName, succeed, testSandbox } from "./sandbox.ts";

const group = "issuers.example.com";
let environment: NodeJS.ProcessEnv;
let folder: string;

const pulumi = (...args: string[]) => succeed(environment, "pulumi", ...args);
const kubectl = async (...args: string[]) => (await succeed(environment, "kubectl", ...args)).stdout;
const up = (...args: string[]) => pulumi("up", "--yes", "--skip-preview", ...args);

/** Sets the reference to the issuer in place of the one before. */
async function refer(parts: Readonly<Record<string, string>>): Promise<void> {
  await pulumi("config", "rm", "identityIssuerRef");
  for (const [part, value] of Object.entries(parts)) {
    await pulumi("config", "set", "--path", `identityIssuerRef.${part}`, value);
  }
}

async function refusedUp(): Promise<string> {
  const { code, stdout, stderr } = await execute(environment, "pulumi", ["up", "--yes", "--skip-preview"]);
  assert.notEqual(code, 0, stdout);
  return stdout + stderr;
}

async function apply(...objects: object[]): Promise<void> {
  const file = join(folder, "objects.json");
  writeFileSync(file, JSON.stringify({ apiVersion: "v1", kind: "List", items: objects }));
  await kubectl("apply", "--filename", file);
}

before(async () => {
  await reset(sandboxName, console.log);
  environment = await testSandbox();
  folder = mkdtempSync(join(tmpdir(), "issuer-"));
});

after(async () => {
  rmSync(folder, { recursive: true });
  await reset(sandboxName, console.log);
});

/** Answers every request of cert-manager to the external issuer with a leaf, as a careless one would. */
async function answerWithLeaf(): Promise<void> {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const [key, root, csr, leaf] = ["key", "root", "csr", "leaf"].map((name) => join(folder, name)) as [
    string,
    string,
    string,
    string,
  ];
  writeFileSync(key, privateKey.export({ type: "pkcs8", format: "pem" }), { mode: 0o600 });
  const openssl = (...args: string[]) => succeed(environment, "openssl", ...args);
  await openssl("req", "-x509", "-key", key, "-subj", "/CN=external", "-days", "30", "-out", root);
  let request: { metadata: { name: string }; spec: { request: string; issuerRef: object } } | undefined;
  await until("cert-manager's request to the external issuer", 180_000, async () => {
    const { code, stdout } = await execute(environment, "kubectl", [
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

test("an external issuer that answers with a leaf is refused, and the control plane is not installed", async () => {
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
  const missing = await refusedUp();
  assert.match(missing, /identityIssuerRef: the issuer Signer\.issuers\.example\.com careless is not there/);

  await apply({
    apiVersion: `${group}/v1`,
    kind: "Signer",
    metadata: { name: "careless", namespace: "linkerd" },
  });
  const [output] = await Promise.all([refusedUp(), answerWithLeaf()]);
  assert.match(output, /Secret linkerd\/linkerd-identity-issuer: .*is not an authority \(CA:FALSE\)/);
  assert.equal(await kubectl("get", "deployments", "--namespace=linkerd", "--output=name"), "");
});

test("an Issuer of the cluster signs, identity loads it, and a second up changes nothing", async () => {
  await apply({
    apiVersion: "cert-manager.io/v1",
    kind: "Issuer",
    metadata: { name: "by-hand", namespace: "linkerd" },
    spec: { ca: { secretName: "linkerd-trust-anchor" } },
  });
  await refer({ name: "by-hand" });
  await up();
  await up("--expect-no-changes");
  const reference = await kubectl(
    "get",
    "certificates.cert-manager.io",
    "linkerd-identity-issuer",
    "--namespace=linkerd",
    "--output=jsonpath={.spec.issuerRef}",
  );
  assert.deepEqual(JSON.parse(reference), { group: "cert-manager.io", kind: "Issuer", name: "by-hand" });
  await succeed(environment, process.execPath, "operations/renew.ts");
});
