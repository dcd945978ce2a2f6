/** The life of a mesh on the sandbox: install, renew, change, refresh, destroy – with a real engine and real controllers. */
import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { after, before, test } from "node:test";
import { CoreV1Api, CustomObjectsApi, type KubeConfig } from "@kubernetes/client-node";
import { reset } from "../../sandbox/lifecycle.ts";
import { listObjects } from "./objects.ts";
import { execute, kubeConfig, sandboxName, succeed, testSandbox } from "./sandbox.ts";

let environment: NodeJS.ProcessEnv;
let config: KubeConfig;
let objectsBefore: string[];

const pulumi = (...args: string[]) => succeed(environment, "pulumi", ...args);
const operation = (name: string, ...args: string[]) =>
  succeed(environment, process.execPath, `operations/${name}.ts`, ...args);

before(async () => {
  await reset(sandboxName, console.log);
  environment = await testSandbox();
  config = kubeConfig();
  objectsBefore = await listObjects(environment);
});

after(() => reset(sandboxName, console.log));

test("a preview of an empty cluster shows the whole installation", async () => {
  const { stdout } = await pulumi("preview", "--json");
  const { changeSummary } = JSON.parse(stdout) as { changeSummary: Record<string, number> };
  assert.deepEqual(Object.keys(changeSummary), ["create"]);
});

test("up installs everything", async () => {
  await pulumi("up", "--yes", "--skip-preview");
});

test("a second up changes nothing", async () => {
  await pulumi("up", "--yes", "--skip-preview", "--expect-no-changes");
});

test("a preview with every object in place shows no change", async () => {
  await pulumi("preview", "--expect-no-changes");
});

test("refresh finds nothing changed", async () => {
  await pulumi("refresh", "--yes", "--skip-preview", "--expect-no-changes");
});

test("linkerd check passes, version checks aside", async () => {
  const { stdout } = await execute(environment, "linkerd", ["check", "--output", "json", "--wait", "60s"]);
  const { categories } = JSON.parse(stdout) as {
    categories: { categoryName: string; checks: { description: string; result: string; error?: string }[] }[];
  };
  // The sandbox has no way out to ask for the newest version, and says so in three places.
  const versionChecks = ["linkerd-version", "control-plane-version", "linkerd-control-plane-proxy"];
  const failed = categories
    .filter(({ categoryName }) => !versionChecks.includes(categoryName))
    .flatMap(({ categoryName, checks }) => checks.map((check) => ({ categoryName, ...check })))
    .filter(({ result }) => result === "error");
  assert.deepEqual(failed, []);
  const identity = categories.find(({ categoryName }) => categoryName === "linkerd-identity");
  assert.ok((identity?.checks.length ?? 0) >= 6, "linkerd check looks at the identity credentials");
});

test("the issued certificate and its request equal the documented table, field by field", async () => {
  const custom = config.makeApiClient(CustomObjectsApi);
  const certificate = (await custom.getNamespacedCustomObject({
    group: "cert-manager.io",
    version: "v1",
    namespace: "linkerd",
    plural: "certificates",
    name: "linkerd-identity-issuer",
  })) as { spec: Record<string, unknown> };
  assert.deepEqual(certificate.spec, {
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
  const core = config.makeApiClient(CoreV1Api);
  const secret = await core.readNamespacedSecret({ namespace: "linkerd", name: "linkerd-identity-issuer" });
  assert.equal(secret.type, "kubernetes.io/tls");
  const issued = new X509Certificate(Buffer.from(secret.data!["tls.crt"]!, "base64"));
  const anchorSecret = await core.readNamespacedSecret({
    namespace: "linkerd",
    name: "linkerd-trust-anchor",
  });
  const anchor = new X509Certificate(Buffer.from(anchorSecret.data!["tls.crt"]!, "base64"));
  assert.equal(issued.subject, "CN=identity.linkerd.cluster.local");
  assert.equal(issued.subjectAltName, "DNS:identity.linkerd.cluster.local");
  assert.equal(issued.ca, true);
  assert.equal(issued.publicKey.asymmetricKeyDetails?.namedCurve, "prime256v1");
  assert.deepEqual([...issued.keyUsage].sort(), ["1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2"]);
  assert.equal(issued.validToDate.getTime() - issued.validFromDate.getTime(), 48 * 3600 * 1000);
  assert.ok(issued.verify(anchor.publicKey), "the trust anchor signed it");
  assert.match(anchor.subject, /CN=root\.linkerd\.cluster\.local/);
  assert.equal(anchor.validToDate.getTime() - anchor.validFromDate.getTime(), 87600 * 3600 * 1000);
  assert.notEqual(anchor.subject, issued.subject);
});

test("control-plane and meshed pods carry the same hash of the trust roots", async () => {
  const core = config.makeApiClient(CoreV1Api);
  const namespace = "meshed";
  await core.createNamespace({
    body: { metadata: { name: namespace, annotations: { "linkerd.io/inject": "enabled" } } },
  });
  try {
    await core.readNamespacedServiceAccount({ namespace, name: "default" }).catch(() => undefined);
    const pod = await retryNotFound(() =>
      core.createNamespacedPod({
        namespace,
        body: {
          metadata: { name: "workload" },
          spec: { containers: [{ name: "workload", image: "example.com/workload:1" }] },
        },
      }),
    );
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

test("a renewal reaches the running identity controller, twenty times in a row", async () => {
  const serials = new Set<string>();
  for (let round = 1; round <= 20; round++) {
    const { stdout } = await operation("renew", "--json");
    const renewal = JSON.parse(stdout) as { issuer: { serialNumber: string } };
    serials.add(renewal.issuer.serialNumber);
  }
  assert.equal(serials.size, 20, "every renewal brought another issuer");
});

test("the credentials command finds everything right", async () => {
  const { stdout } = await operation("credentials", "--json");
  assert.equal((JSON.parse(stdout) as { verdict: string }).verdict, "ok");
});

test("renewals are not drift: up and refresh still change nothing", async () => {
  await pulumi("up", "--yes", "--skip-preview", "--expect-no-changes");
  await pulumi("refresh", "--yes", "--skip-preview", "--expect-no-changes");
});

test("a changed lifetime updates the Certificate in place", async () => {
  const custom = config.makeApiClient(CustomObjectsApi);
  const read = async () =>
    (await custom.getNamespacedCustomObject({
      group: "cert-manager.io",
      version: "v1",
      namespace: "linkerd",
      plural: "certificates",
      name: "linkerd-identity-issuer",
    })) as { metadata: { uid: string }; spec: { duration: string } };
  const before = await read();
  await pulumi("config", "set", "issuerDuration", "72h");
  await pulumi("up", "--yes", "--skip-preview");
  const changed = await read();
  assert.equal(changed.metadata.uid, before.metadata.uid);
  assert.equal(changed.spec.duration, "72h");
  await pulumi("config", "rm", "issuerDuration");
  await pulumi("up", "--yes", "--skip-preview");
  await pulumi("up", "--yes", "--skip-preview", "--expect-no-changes");
});

test("a whole life of the issuer at 1h/59m30s: cert-manager renews by itself, and identity follows", async () => {
  await pulumi("config", "set", "issuanceLifetime", "20m");
  await pulumi("config", "set", "issuerDuration", "1h");
  await pulumi("config", "set", "issuerRenewBefore", "59m30s");
  await pulumi("up", "--yes", "--skip-preview");
  const first = await loadedIssuer();
  const second = await nextIssuer(first);
  const third = await nextIssuer(second);
  assert.equal(new Set([first, second, third]).size, 3);
  for (const key of ["issuanceLifetime", "issuerDuration", "issuerRenewBefore"])
    await pulumi("config", "rm", key);
  await pulumi("up", "--yes", "--skip-preview");
});

test("destroy refuses to delete a trust anchor, and leaves nothing once its protection is lifted", async () => {
  const refused = await execute(environment, "pulumi", ["destroy", "--yes", "--skip-preview"]);
  assert.notEqual(refused.code, 0);
  assert.match(refused.stdout + refused.stderr, /protect/);
  await pulumi("up", "--yes", "--skip-preview");
  await pulumi("config", "set", "protectTrustAnchors", "false");
  await pulumi("up", "--yes", "--skip-preview");
  await pulumi("destroy", "--yes", "--skip-preview");
  assert.deepEqual(await listObjects(environment), objectsBefore);
});

/** Serial number of the issuer that the running identity controller uses, by a real Certify call. */
async function loadedIssuer(): Promise<string> {
  const { stdout } = await execute(environment, process.execPath, ["operations/credentials.ts", "--json"]);
  const { loaded } = JSON.parse(stdout) as { loaded: { issuer: { serialNumber: string } }[] };
  return loaded[0]!.issuer.serialNumber;
}

/** Waits until the identity controller uses another issuer; at 1h/59m30s that takes half a minute. */
async function nextIssuer(previous: string): Promise<string> {
  const deadline = Date.now() + 120_000;
  for (;;) {
    const current = await loadedIssuer();
    if (current !== previous) return current;
    assert.ok(Date.now() < deadline, `for two minutes identity has used ${previous}`);
  }
}

/** The ServiceAccount of a new namespace takes the controller manager a moment. */
async function retryNotFound<Result>(attempt: () => Promise<Result>): Promise<Result> {
  const deadline = Date.now() + 15_000;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (Date.now() > deadline) throw error;
    }
  }
}
