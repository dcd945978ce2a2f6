/** The life of a mesh on the sandbox: install, change, refresh, recover, adopt, destroy – with a real engine and real controllers. */
import assert from "node:assert/strict";
import { createPrivateKey, X509Certificate } from "node:crypto";
import { after, before, test } from "node:test";
import { ApiException, type V1Secret } from "@kubernetes/client-node";
import "reflect-metadata"; // @peculiar/x509 expects it to be there
import {
  BasicConstraintsExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  X509Certificate as ParsedCertificate,
} from "@peculiar/x509";
import type { Mesh } from "../../mesh/cluster.ts";
import { ensureStack } from "../../sandbox/environment.ts";
import { until } from "../../sandbox/until.ts";
import { commandBlocks } from "../docs/commandBlocks.ts";
import { listObjects, listObjectsOfSettledCluster } from "../objects.ts";
import {
  connectTo,
  environment,
  operation,
  pulumi,
  refused,
  removeSandbox,
  run,
  sandboxName,
  set,
  soundCredentials,
  startSandbox,
  unset,
  up,
  upChangesNothing,
} from "../stack.ts";
import { injectedPod, proxyOf } from "./admission.ts";

let cluster: Mesh;
let core: Mesh["core"];
let objectsBefore: string[];

before(async () => {
  await startSandbox("linkerd");
  // Readers confirm what they have seen.
  environment.PULUMI_SKIP_CONFIRMATIONS = "true";
  cluster = connectTo("linkerd");
  core = cluster.core;
  objectsBefore = await listObjectsOfSettledCluster();
});
after(removeSandbox);

test("a preview of an empty cluster shows the whole installation", async () => {
  const { changeSummary } = JSON.parse(await pulumi("preview", "--json")) as {
    changeSummary: Record<string, number>;
  };
  assert.deepEqual(Object.keys(changeSummary), ["create"]);
});

for (const [what, key, value, message] of [
  ["an unknown key", "issuerDuratoin", "48h", /issuerDuratoin: There is no such setting/],
  ["a value of the wrong type", "signingGeneration", "first", /signingGeneration.*integer/],
] as const) {
  test(`${what} is one error that names the key, before anything is touched`, async () => {
    await set(key, value);
    const output = await refused("up");
    await unset(key);
    assert.match(output, message);
    assert.equal(output.match(/^\s*error:/gm)?.length, 1, output);
    const { deployment } = JSON.parse(await pulumi("stack", "export")) as {
      deployment: { resources?: { type: string }[] };
    };
    const types = (deployment.resources ?? []).map(({ type }) => type);
    assert.deepEqual(
      types.filter((type) => type !== "pulumi:pulumi:Stack"),
      [],
    );
    assert.deepEqual(await listObjects(), objectsBefore);
  });
}

test("up installs everything, and a pod that is created right after it is injected", async () => {
  await up();
  const pod = await injectedPod(cluster);
  assert.ok(proxyOf(pod), JSON.stringify(pod));
});

test("a second up changes nothing", async () => {
  await upChangesNothing();
});

/** Runs the commands of a page that say that this test does, as a reader would. */
async function follow(page: string): Promise<void> {
  const scripts = commandBlocks(page).filter(
    ({ remark }) => remark === "run by test/cluster/life.cluster.test.ts",
  );
  assert.ok(scripts.length > 0, page);
  for (const { script } of scripts) await run("bash", "-c", `set -e -o pipefail\n${script}`);
}

test("the ways to check of docs/install.md and docs/checking.md find nothing wrong", async () => {
  await follow("docs/install.md");
  await follow("docs/checking.md");
});

test("the commands of docs/configuration.md set what check accepts", async () => {
  await follow("docs/configuration.md");
  for (const key of ["issuerDuration", "trustAnchorGenerations", "linkerdControlPlaneValues"])
    await unset(key);
  await upChangesNothing();
});

test("refresh finds nothing changed", async () => {
  await pulumi("refresh", "--yes", "--skip-preview", "--expect-no-changes");
});

test("linkerd check passes", async () => {
  // The sandbox has no way out to ask for the newest version, which is a warning.
  const checked = await run("linkerd", "check", "--output", "json", "--wait", "60s");
  const { categories } = JSON.parse(checked) as {
    categories: { categoryName: string; checks: { description: string; result: string; error?: string }[] }[];
  };
  const failed = categories
    .flatMap(({ categoryName, checks }) => checks.map((check) => ({ categoryName, ...check })))
    .filter(({ result }) => result === "error");
  assert.deepEqual(failed, []);
  const identity = categories.find(({ categoryName }) => categoryName === "linkerd-identity");
  assert.ok((identity?.checks.length ?? 0) >= 6, "linkerd check looks at the identity credentials");
});

const readSecret = (name: string): Promise<V1Secret> =>
  core.readNamespacedSecret({ namespace: "linkerd", name });
const fileOf = (secret: V1Secret, key: string) => Buffer.from(secret.data![key]!, "base64");

interface IssuerCertificate {
  readonly metadata: { readonly uid: string };
  readonly spec: { readonly duration: string };
}

const readIssuerCertificate = (): Promise<IssuerCertificate> =>
  cluster.custom.getNamespacedCustomObject({
    group: "cert-manager.io",
    version: "v1",
    namespace: "linkerd",
    plural: "certificates",
    name: "linkerd-identity-issuer",
  });

test("the request for the issuer equals the documented table, field by field", async () => {
  assert.deepEqual((await readIssuerCertificate()).spec, {
    secretName: "linkerd-identity-issuer",
    duration: "48h",
    renewBefore: "25h",
    issuerRef: { group: "cert-manager.io", kind: "Issuer", name: "linkerd-trust-anchor" },
    commonName: "identity.linkerd.cluster.local",
    dnsNames: ["identity.linkerd.cluster.local"],
    isCA: true,
    privateKey: { algorithm: "ECDSA", size: 256, rotationPolicy: "Always" },
    usages: ["cert sign", "crl sign", "server auth", "client auth"],
  });
});

/** The fields of a certificate that the table names. */
function fieldsOf(pem: Buffer) {
  const certificate = new X509Certificate(pem);
  const parsed = new ParsedCertificate(pem);
  const lifetime = certificate.validToDate.getTime() - certificate.validFromDate.getTime();
  const constraints = parsed.getExtension(BasicConstraintsExtension);
  return {
    commonNames: parsed.subjectName.getField("CN"),
    alternativeNames: certificate.subjectAltName,
    authority: constraints?.ca,
    keyUsages: parsed.getExtension(KeyUsagesExtension)?.usages,
    extendedKeyUsages: certificate.keyUsage as readonly string[] | undefined,
    curve: certificate.publicKey.asymmetricKeyDetails?.namedCurve,
    signatureAlgorithm: parsed.signatureAlgorithm,
    lifetimeHours: lifetime / 3_600_000,
  };
}

/** What both have in common: ECDSA on P-256 with SHA-256, and the right to sign certificates and nothing else. */
const authority = {
  authority: true,
  keyUsages: KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign,
  curve: "prime256v1",
  signatureAlgorithm: { name: "ECDSA", hash: { name: "SHA-256" } },
};

test("the issued certificate and its trust anchor equal the documented table, field by field", async () => {
  const [issuer, anchor] = [
    await readSecret("linkerd-identity-issuer"),
    await readSecret("linkerd-trust-anchor"),
  ];
  assert.equal(issuer.type, "kubernetes.io/tls");
  assert.equal(anchor.type, "kubernetes.io/tls");
  assert.deepEqual(fieldsOf(fileOf(issuer, "tls.crt")), {
    ...authority,
    commonNames: ["identity.linkerd.cluster.local"],
    alternativeNames: "DNS:identity.linkerd.cluster.local",
    extendedKeyUsages: ["1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2"],
    lifetimeHours: 48,
  });
  assert.deepEqual(fieldsOf(fileOf(anchor, "tls.crt")), {
    ...authority,
    commonNames: ["root.linkerd.cluster.local"],
    alternativeNames: undefined,
    extendedKeyUsages: undefined,
    lifetimeHours: 87_600,
  });
  const [issued, root] = [issuer, anchor].map((secret) => new X509Certificate(fileOf(secret, "tls.crt")));
  assert.ok(
    issued!.checkPrivateKey(createPrivateKey(fileOf(issuer, "tls.key"))),
    "the issuer's key is its own",
  );
  assert.ok(
    root!.checkPrivateKey(createPrivateKey(fileOf(anchor, "tls.key"))),
    "the anchor's key is its own",
  );
  assert.ok(
    issued!.checkIssued(root!) && issued!.verify(root!.publicKey),
    "the trust anchor signed the issuer",
  );
  assert.ok(root!.checkIssued(root!) && root!.verify(root!.publicKey), "the trust anchor signed itself");
  assert.notEqual(root!.subject, issued!.subject);
});

test("control-plane and meshed pods carry the same hash of the trust roots", async () => {
  const namespace = "meshed";
  await core.createNamespace({
    body: { metadata: { name: namespace, annotations: { "linkerd.io/inject": "enabled" } } },
  });
  try {
    // Without its ServiceAccount, which takes the controller manager a moment, a pod is forbidden.
    await until("the namespace's ServiceAccount", 15_000, () =>
      exists(core.readNamespacedServiceAccount({ namespace, name: "default" })),
    );
    const pod = await core.createNamespacedPod({
      namespace,
      body: {
        metadata: { name: "workload" },
        spec: { containers: [{ name: "workload", image: "example.com/workload:1" }] },
      },
    });
    const identity = await core.listNamespacedPod({
      namespace: "linkerd",
      labelSelector: "linkerd.io/control-plane-component=identity",
    });
    const annotation = "linkerd.io/trust-root-sha256";
    const meshed = pod.metadata?.annotations?.[annotation];
    assert.match(meshed ?? "", /^[0-9a-f]{64}$/, "the proxy injector injected the pod");
    assert.equal(meshed, identity.items[0]?.metadata?.annotations?.[annotation]);
  } finally {
    await core.deleteNamespace({ name: namespace });
  }
});

test("the credentials command finds everything right", async () => {
  await soundCredentials();
});

test("a changed life of the trust anchor is refused, and the anchor stays as it is", async () => {
  const before = await readSecret("linkerd-trust-anchor");
  await set("trustAnchorValidityPeriodHours", "87601");
  assert.match(await refused("up"), /trustAnchorValidityPeriodHours: Anchor .* lives 87600 h/);
  await unset("trustAnchorValidityPeriodHours");
  assert.deepEqual(await readSecret("linkerd-trust-anchor"), before);
  await upChangesNothing();
});

test("recover puts back an anchor and its Issuer that someone has deleted, and does nothing more", async () => {
  const before = await readSecret("linkerd-trust-anchor");
  await core.deleteNamespacedSecret({ namespace: "linkerd", name: "linkerd-trust-anchor" });
  await cluster.custom.deleteNamespacedCustomObject({
    ...{ group: "cert-manager.io", version: "v1", namespace: "linkerd" },
    ...{ plural: "issuers", name: "linkerd-trust-anchor" },
  });
  // There is nobody to ask.
  const asked = await operation("recover", "--json");
  assert.deepEqual([asked.code, asked.stdout], [2, ""]);
  assert.equal(await exists(readSecret("linkerd-trust-anchor")), false);
  const { code, stdout, stderr } = await operation("recover", "--yes", "--json");
  assert.equal(code, 0, stdout + stderr);
  const { done } = JSON.parse(stdout) as { done: readonly { readonly remedy: string }[] };
  assert.deepEqual(
    done.map(({ remedy }) => remedy),
    ["update"],
  );
  assert.deepEqual((await readSecret("linkerd-trust-anchor")).data, before.data);
  assert.equal((await operation("recover", "--yes")).stdout, "There is nothing to recover.\n");
  await soundCredentials();
});

test("a stack that has lost its state gets it back from the cluster, with the same anchor", async () => {
  const anchors = await trustAnchors();
  const key = await anchorKey();
  await pulumi("stack", "rm", "dev", "--force", "--yes", "--preserve-config");
  await ensureStack(sandboxName, console.log);
  const { code, stdout, stderr } = await operation("adopt", "--yes");
  assert.equal(code, 0, stdout + stderr);
  assert.equal(await trustAnchors(), anchors);
  assert.ok(key.equals(await anchorKey()));
  await upChangesNothing();
});

test("a changed lifetime updates the Certificate in place, whoever has made it", async () => {
  const before = await readIssuerCertificate();
  await set("issuerDuration", "72h");
  await up();
  const changed = await readIssuerCertificate();
  assert.equal(changed.metadata.uid, before.metadata.uid);
  assert.equal(changed.spec.duration, "72h");
  await unset("issuerDuration");
  await up();
  await upChangesNothing();
});

test("destroy refuses to delete a trust anchor, and up goes on after that", async () => {
  assert.match(await refused("destroy"), /protect/);
  await up();
  await upChangesNothing();
});

test("the commands of docs/uninstall.md leave nothing", async () => {
  await follow("docs/uninstall.md");
  assert.deepEqual(await listObjects(), objectsBefore);
});

const trustAnchors = () => pulumi("stack", "output", "trustAnchors", "--json");
const anchorKey = async () => createPrivateKey(fileOf(await readSecret("linkerd-trust-anchor"), "tls.key"));

/** Whether the API server has it; every other error is one. */
async function exists(read: Promise<unknown>): Promise<boolean> {
  try {
    await read;
    return true;
  } catch (error) {
    if (error instanceof ApiException && error.code === 404) return false;
    throw error;
  }
}
