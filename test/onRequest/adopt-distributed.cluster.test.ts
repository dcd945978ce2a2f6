/**
 * `npm run test:adopt-distributed`: the anchor that cert-manager makes and trust-manager distributes, as Linkerd's documentation
 * has it, and as a chart such as Buoyant's makes it, stays on the cluster, and the same one, under a mesh that is adopted under load.
 */
import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { stringify } from "yaml";
import { chartArchive } from "../../sandbox/programs.ts";
import { startLoad } from "../meshLoad.ts";
import { listObjects, listObjectsOfSettledCluster } from "../objects.ts";
import {
  execute,
  kubectl,
  pulumi,
  removeSandbox,
  run,
  sandboxName,
  set,
  startSandbox,
  unset,
  up,
} from "../stack.ts";
import {
  adopt,
  adopts,
  apply,
  folder,
  forgetStack,
  inLinkerd,
  installCharts,
  loseState,
  makeNamespace,
  newStack,
  refused,
  remove,
  succeeded,
  write,
} from "./adoption.ts";

const inCertManager = "--namespace=cert-manager";
const ready = ["--for=condition=Ready", "--timeout=60s"];

let objectsBefore: string[];

before(async () => {
  await startSandbox("mesh-load", "trust-manager");
  const install = async (name: string, ...values: string[]) =>
    run("helm", "install", name, await chartArchive(sandboxName, name), inCertManager, ...values, "--wait");
  await install("cert-manager", "--create-namespace", "--set=crds.enabled=true");
  // The sandbox has no package of public CAs.
  await install(
    "trust-manager",
    "--set=app.trust.namespace=cert-manager",
    "--set=defaultPackage.enabled=false",
  );
  objectsBefore = await listObjectsOfSettledCluster();
});
after(removeSandbox);

const certManager = "cert-manager.io/v1";
const privateKey = { rotationPolicy: "Always", algorithm: "ECDSA" };

/** What Linkerd's page on rotating control plane credentials applies. */
const anchorObjects = [
  {
    apiVersion: certManager,
    kind: "Issuer",
    metadata: { name: "linkerd-trust-root-issuer", namespace: "cert-manager" },
    spec: { selfSigned: {} },
  },
  {
    apiVersion: certManager,
    kind: "Certificate",
    metadata: { name: "linkerd-trust-anchor", namespace: "cert-manager" },
    spec: {
      issuerRef: { kind: "Issuer", name: "linkerd-trust-root-issuer" },
      secretName: "linkerd-trust-anchor",
      isCA: true,
      commonName: "root.linkerd.cluster.local",
      duration: "8760h0m0s",
      renewBefore: "7320h0m0s",
      privateKey,
    },
  },
  {
    apiVersion: certManager,
    kind: "ClusterIssuer",
    metadata: { name: "linkerd-identity-issuer" },
    spec: { ca: { secretName: "linkerd-trust-anchor" } },
  },
  {
    apiVersion: certManager,
    kind: "Certificate",
    metadata: { name: "linkerd-identity-issuer", namespace: "linkerd" },
    spec: {
      issuerRef: { name: "linkerd-identity-issuer", kind: "ClusterIssuer" },
      secretName: "linkerd-identity-issuer",
      isCA: true,
      commonName: "identity.linkerd.cluster.local",
      duration: "48h0m0s",
      renewBefore: "25h0m0s",
      privateKey,
    },
  },
];

const bundleObject = {
  apiVersion: "trust.cert-manager.io/v1alpha1",
  kind: "Bundle",
  metadata: { name: "linkerd-identity-trust-roots" },
  spec: {
    sources: ["linkerd-trust-anchor", "linkerd-previous-anchor"].map((name) => ({
      secret: { name, key: "tls.crt" },
    })),
    target: {
      configMap: { key: "ca-bundle.crt" },
      namespaceSelector: { matchLabels: { "linkerd.io/is-control-plane": "true" } },
    },
  },
};

/** @param make applies the objects of the anchor, and of the issuer. */
async function install(make: () => Promise<unknown>): Promise<void> {
  await newStack();
  await makeNamespace();
  await make();
  await kubectl("wait", "certificate/linkerd-trust-anchor", inCertManager, ...ready);
  const { data, type } = JSON.parse(
    await kubectl("get", "secret/linkerd-trust-anchor", inCertManager, "--output=json"),
  );
  const metadata = { name: "linkerd-previous-anchor", namespace: "cert-manager" };
  await apply("previous", { apiVersion: "v1", kind: "Secret", metadata, type, data }, bundleObject);
  await kubectl("wait", "certificate/linkerd-identity-issuer", inLinkerd, ...ready);
  await installCharts({ identity: { externalCA: true, issuer: { scheme: "kubernetes.io/tls" } } });
  await startLoad({ simulated: 0, running: 3 });
}

/** The anchor's Secret, and how often cert-manager has issued it. */
const anchor = async () => [
  await kubectl("get", "secret/linkerd-trust-anchor", inCertManager, "--output=jsonpath={.data}"),
  await kubectl(
    "get",
    "certificate/linkerd-trust-anchor",
    inCertManager,
    "--output=jsonpath={.status.revision}",
  ),
];

const certificateOfAnchor = async () =>
  JSON.parse(await kubectl("get", "certificate/linkerd-trust-anchor", inCertManager, "--output=json"));

/** Neither key of it is in the state. */
async function requireNoKey(): Promise<void> {
  const { data } = JSON.parse(
    await kubectl("get", "secret/linkerd-trust-anchor", inCertManager, "--output=json"),
  );
  const state = await pulumi("stack", "export", "--show-secrets");
  const line = Buffer.from(data["tls.key"], "base64").toString().split("\n")[1]!;
  assert.ok(!state.includes(data["tls.key"]) && !state.includes(line), "the anchor's key is in the state");
}

const applyAll = () => apply("documented", ...anchorObjects);

test("where Buoyant's operator rotates the anchor, nothing is adopted", async () => {
  await install(applyAll);
  const names = {
    plural: "trustanchorrotations",
    singular: "trustanchorrotation",
    kind: "TrustAnchorRotation",
  };
  const schema = { openAPIV3Schema: { type: "object", "x-kubernetes-preserve-unknown-fields": true } };
  const definition = {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: "trustanchorrotations.trust.linkerd.io" },
    spec: {
      group: "trust.linkerd.io",
      names,
      scope: "Cluster",
      versions: [{ name: "v1alpha1", served: true, storage: true, schema }],
    },
  };
  await apply("operator", definition);
  await kubectl("wait", `crd/${definition.metadata.name}`, "--for=condition=Established", "--timeout=60s");
  const metadata = { name: "cluster" };
  await apply("rotation", { apiVersion: "trust.linkerd.io/v1alpha1", kind: names.kind, metadata });
  assert.match(await refused("--yes"), /TrustAnchorRotation: Buoyant's operator rotates the trust anchor/);
  await kubectl("delete", `crd/${definition.metadata.name}`);
});

test("today's documentation is adopted: the same anchor, no key of it, and a renewBefore that breaks nothing", async () => {
  const before = await anchor();
  const { stdout } = await adopt("--check");
  assert.match(stdout, /spec\.renewBefore: "7320h0m0s" → "168h"/);
  assert.match(stdout, /Secret cert-manager\/linkerd-previous-anchor loses its copy of the anchor's key/);
  await adopts(() => adopt("--yes"));
  assert.deepEqual(await anchor(), before);
  const { spec, status } = await certificateOfAnchor();
  assert.equal(spec.renewBefore, "168h");
  assert.deepEqual([spec.duration, spec.privateKey, spec.usages], ["8760h0m0s", privateKey, undefined]);
  const week = 7 * 24 * 3_600_000;
  assert.equal(Date.parse(status.notAfter) - Date.parse(status.renewalTime), week);
  await requireNoKey();
});

test("a stack that has lost its state gets it back, with the same anchor", async () => {
  const before = await anchor();
  await loseState();
  await adopts(() => adopt("--yes"));
  assert.deepEqual(await anchor(), before);
  await requireNoKey();
});

/** Removes all of it. The Secret of a Certificate that goes is cert-manager's, which leaves it. */
async function removeAll(): Promise<void> {
  await remove();
  await kubectl("delete", "secret/linkerd-trust-anchor", inCertManager);
  assert.deepEqual(await listObjects(), objectsBefore);
}

test("destroyed, what is the stack's goes, and nothing else", removeAll);

/** The same objects by a chart of the name that Buoyant's has. */
async function installChart(): Promise<void> {
  const chart = join(folder, "linkerd-cert-manager");
  mkdirSync(join(chart, "templates"), { recursive: true });
  write(
    "linkerd-cert-manager/Chart.yaml",
    stringify({ apiVersion: "v2", name: "linkerd-cert-manager", version: "1.0.0" }),
  );
  const objects = anchorObjects.map((object) => stringify(object)).join("---\n");
  write("linkerd-cert-manager/templates/objects.yaml", objects);
  await run("helm", "install", "linkerd-cert-manager", chart, inLinkerd);
}

test("the same of a chart is adopted as well, and Helm is told to forget it without deleting anything", async () => {
  await forgetStack();
  await install(installChart);
  const before = await anchor();
  const { stdout } = await adopt("--check");
  const told =
    /ClusterIssuer linkerd-identity-issuer, .*: helm uninstall linkerd-cert-manager would delete it\..*: (kubectl delete .*)/;
  const command = told.exec(stdout)?.[1];
  assert.ok(command, stdout);
  await adopts(() => adopt("--yes"));
  succeeded(await execute("bash", ["-c", command]));
  const releases = JSON.parse(await run("helm", "list", inLinkerd, "--output=json"));
  assert.deepEqual(
    releases.map(({ name }: { name: string }) => name),
    ["linkerd-control-plane", "linkerd-crds"],
  );
  assert.deepEqual(await anchor(), before);
  // What Helm has set is nobody's now, and so the stack may set it otherwise.
  await set("issuerDuration", "50h");
  await up();
  await unset("issuerDuration");
  await up();
  await removeAll();
});
