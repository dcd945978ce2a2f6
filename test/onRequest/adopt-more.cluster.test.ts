/**
 * `npm run test:adopt-more`: meshes of `linkerd install`, of Terraform, and of someone else's PKI with viz, the CNI plugin
 * and values of high availability, are taken into a stack under load. The commands of docs/adoption.md are run on the way.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { chartArchive } from "../../sandbox/programs.ts";
import { authority, type Fabricated, hoursFromNow } from "../certificates.ts";
import { restartWorkloads, startLoad, undisturbed } from "../meshLoad.ts";
import { listObjects, listObjectsOfSettledCluster } from "../objects.ts";
import { execute, kubectl, removeSandbox, run, sandboxName, set, startSandbox } from "../stack.ts";
import {
  adopt,
  adopts,
  apply,
  backOut,
  backOutRecords,
  folder,
  forgetStack,
  inLinkerd,
  installCharts,
  issuerSecret,
  keyOf,
  killedAt,
  makeNamespace,
  newStack,
  pemOf,
  readKey,
  remove,
  runScript,
  succeeded,
  versions,
  write,
} from "./adoption.ts";

let objectsBefore: string[];
let root: Fabricated;
let issuer: Fabricated;

before(async () => {
  await startSandbox("linkerd", "mesh-load", "linkerd-cni", "linkerd-viz", "workflows");
  root = await authority({ commonName: "root.linkerd.cluster.local", notAfter: hoursFromNow(87_600) });
  issuer = await authority({ commonName: "identity.linkerd.cluster.local", signer: root });
  write("root.pem", pemOf(root));
  write("root.key", keyOf(root));
  write("issuer.pem", pemOf(issuer));
  write("issuer.key", keyOf(issuer));
  const chart = await chartArchive(sandboxName, "cert-manager");
  const values = ["--create-namespace", "--set=crds.enabled=true", "--wait"];
  await run("helm", "install", "cert-manager", chart, "--namespace=cert-manager", ...values);
  objectsBefore = await listObjectsOfSettledCluster();
});
after(removeSandbox);

/** Linkerd as its page on getting started has it. */
async function linkerdInstall(options: string): Promise<void> {
  await newStack();
  const script = `linkerd install --crds | kubectl apply -f -; linkerd install ${options} | kubectl apply -f -`;
  succeeded(await execute("bash", ["-c", `set -e -o pipefail\n${script}`]));
  await kubectl("rollout", "status", "deployment", inLinkerd, "--timeout=300s");
  await startLoad({ simulated: 0, running: 3 });
}

/** Status and description of each revision of the control plane's release. */
async function history(): Promise<string[]> {
  const revisions = JSON.parse(
    await run("helm", "history", "linkerd-control-plane", inLinkerd, "--output=json"),
  );
  return revisions.map(
    ({ status, description }: { status: string; description: string }) => `${status}: ${description}`,
  );
}

const controlPlanePods = () =>
  kubectl(
    "get",
    "pods",
    inLinkerd,
    "--selector=linkerd.io/control-plane-component",
    "--field-selector=status.phase=Running",
    "--output=name",
  );

test("what linkerd install has made becomes two Helm releases, and is as it was if that is backed out before", async () => {
  await linkerdInstall("--set podLabels.team=mesh");
  const before = await versions();
  const { code, stdout, stderr } = await adopt("--check");
  assert.equal(code, 1, stdout + stderr);
  assert.equal(await versions(), before);
  assert.match(
    stdout,
    /Helm's record of the release linkerd\/linkerd-crds, of the 7 objects that linkerd inst/,
  );
  assert.match(stdout, /Helm's record of the release linkerd\/linkerd-control-plane, of the 37 objects that/);
  assert.match(stdout, /linkerdControlPlaneValues:\n +podLabels:\n +team: mesh/);
  assert.doesNotMatch(stdout, /allowNullValues/);

  const pods = await controlPlanePods();
  await killedAt(/Importing what is there/);
  assert.equal((await history()).length, 1);
  succeeded(await runScript(backOut));
  succeeded(await runScript(backOutRecords));
  assert.equal(await versions(), before);
  assert.equal(await controlPlanePods(), pods);
  await newStack();
});

test("an upgrade that fails, as the first one after the adoption, goes back to what linkerd install has made", async () => {
  const node = "--selector=!kwok.x-k8s.io/node,node-role.kubernetes.io/simulated!=true";
  await set("helmTimeoutSeconds", "40");
  const pods = await controlPlanePods();
  await kubectl("cordon", node);
  await undisturbed(async () => {
    const { code, stderr } = await adopt("--yes");
    assert.equal(code, 2);
    assert.match(stderr, /has been rolled back/);
  });
  const [first, second, third, ...others] = await history();
  assert.deepEqual(others, []);
  assert.match(first!, /^superseded: Written by linkerd-rotating-tls/);
  assert.match(second!, /^failed: /);
  assert.equal(third, "deployed: Rollback to 1");
  assert.equal(await controlPlanePods(), pods);
  await kubectl("uncordon", node);
  await set("helmTimeoutSeconds", "300");
});

test("then it is adopted, with the key that linkerd install has left beside the anchor", async () => {
  await adopts(() => adopt("--yes"));
  assert.equal((await issuerSecret()).byCertManager, true);
  assert.match(await kubectl("get", "secrets", inLinkerd, "--output=name"), /linkerd-config-overrides/);
  await restartWorkloads();
  await remove();
  assert.deepEqual(await listObjects(), objectsBefore);
});

test("what linkerd install has made with certificates of one's own is adopted without the anchor's key", async () => {
  await forgetStack();
  const files = [
    "trust-anchors-file=root.pem",
    "issuer-certificate-file=issuer.pem",
    "issuer-key-file=issuer.key",
  ];
  await linkerdInstall(files.map((option) => `--identity-${option.replace("=", `=${folder}/`)}`).join(" "));
  await adopts(() => adopt("--yes"));
  assert.deepEqual(await issuerSecret(), {
    keys: ["crt.pem", "key.pem", "tls.crt", "tls.key"],
    byCertManager: false,
  });
  await remove();
  assert.deepEqual(await listObjects(), objectsBefore);
});

/** Terraform, as far as it tells its state; jq is real. */
const stateOfTerraform = () => ({
  version: 4,
  resources: [
    {
      mode: "managed",
      type: "tls_private_key",
      name: "trust_anchor",
      instances: [{ attributes: { private_key_pem: keyOf(root) } }],
    },
    {
      mode: "managed",
      type: "tls_private_key",
      name: "issuer",
      instances: [{ attributes: { private_key_pem: keyOf(issuer) } }],
    },
  ],
});

test("what Terraform has installed, by other names, gets the program's, with the key from its state", async () => {
  await forgetStack();
  await newStack();
  await makeNamespace();
  const tls = { crtPEM: pemOf(issuer), keyPEM: keyOf(issuer) };
  const values = { identityTrustAnchorsPEM: pemOf(root), identity: { issuer: { tls } } };
  await installCharts(values, ["definitions", "linkerd"]);
  // Terraform's provider is Helm's own library, by whose program's name the API server knows what writes these objects.
  const manager = {
    op: "replace",
    path: "/metadata/managedFields/0/manager",
    value: "terraform-provider-helm_v2.17.0_x5",
  };
  const patch = ["--type=json", `--patch=${JSON.stringify([manager])}`];
  await kubectl("patch", "configmap/linkerd-config", inLinkerd, ...patch);
  await kubectl("patch", "crd/serviceprofiles.linkerd.io", ...patch);
  await startLoad({ simulated: 0, running: 3 });

  write("terraform", `#!/bin/sh\ncat <<'EOF'\n${JSON.stringify(stateOfTerraform())}\nEOF\n`);
  await run("chmod", "+x", join(folder, "terraform"));
  succeeded(await runScript(`cd ${folder}; export PATH=${folder}:$PATH\n${readKey}`));
  const key = `--trust-anchor-key=${join(folder, "anchor.key")}`;
  const { stdout } = await adopt("--check", key);
  assert.match(
    stdout,
    /Helm's record of the release linkerd\/linkerd-control-plane, with what another one has/,
  );
  assert.match(
    stdout,
    /Helm release linkerd\/definitions, Helm release linkerd\/linkerd: terraform apply or/,
  );

  await killedAt(/Running pulumi up/, key);
  await adopts(() => adopt("--yes", key));
  const releases = JSON.parse(await run("helm", "list", inLinkerd, "--output=json"));
  assert.deepEqual(
    releases.map(({ name }: { name: string }) => name),
    ["linkerd-control-plane", "linkerd-crds"],
  );
  assert.equal((await issuerSecret()).byCertManager, true);
  await remove();
  assert.deepEqual(await listObjects(), objectsBefore);
});

/** A company's CA, by cert-manager's ClusterIssuer, signs the issuer; Helm has installed all that Linkerd has. */
async function installWithCompany(): Promise<void> {
  await forgetStack();
  await newStack();
  await makeNamespace();
  await kubectl(
    ...["create", "secret", "tls", "company-root", "--namespace=cert-manager"],
    ...[`--cert=${join(folder, "root.pem")}`, `--key=${join(folder, "root.key")}`],
  );
  await apply(
    "company",
    {
      apiVersion: "cert-manager.io/v1",
      kind: "ClusterIssuer",
      metadata: { name: "company" },
      spec: { ca: { secretName: "company-root" } },
    },
    {
      apiVersion: "cert-manager.io/v1",
      kind: "Certificate",
      metadata: { name: "linkerd-identity-issuer", namespace: "linkerd" },
      spec: {
        secretName: "linkerd-identity-issuer",
        duration: "72h",
        renewBefore: "30h",
        issuerRef: { name: "company", kind: "ClusterIssuer" },
        commonName: "identity.linkerd.cluster.local",
        dnsNames: ["identity.linkerd.cluster.local"],
        isCA: true,
        privateKey: { algorithm: "ECDSA" },
        usages: ["cert sign", "crl sign", "server auth", "client auth"],
      },
    },
  );
  const ready = ["--for=condition=Ready", "--timeout=60s"];
  await kubectl("wait", "certificate/linkerd-identity-issuer", inLinkerd, ...ready);
  // The sandbox's folders: the usual ones would be the host's.
  const folders = ["--set=destCNINetDir=/run/cni/net.d", "--set=destCNIBinDir=/run/cni/bin"];
  const cni = await chartArchive(sandboxName, "linkerd2-cni");
  await run(
    "helm",
    "install",
    "linkerd-cni",
    cni,
    "--namespace=linkerd-cni",
    "--create-namespace",
    ...folders,
  );
  await installCharts({
    identityTrustAnchorsPEM: pemOf(root),
    identity: { issuer: { scheme: "kubernetes.io/tls" } },
    cniEnabled: true,
    controllerReplicas: 2,
    enablePodDisruptionBudget: true,
    deploymentStrategy: { rollingUpdate: { maxUnavailable: 1, maxSurge: "25%" } },
    proxy: { resources: { cpu: { request: "10m" } } },
    identityResources: { cpu: { request: "10m" } },
    destinationResources: { cpu: { request: "10m" } },
  });
  const viz = await chartArchive(sandboxName, "linkerd-viz");
  const wait = ["--create-namespace", "--wait", "--timeout=5m"];
  await run("helm", "install", "linkerd-viz", viz, "--namespace=linkerd-viz", ...wait);
  await startLoad({ simulated: 0, running: 3 });
}

test("someone else's issuer goes on signing, beside viz and the CNI plugin; all values are carried over", async () => {
  await installWithCompany();
  const { stdout } = await adopt("--check");
  assert.match(stdout, /identityIssuerRef:\n +kind: ClusterIssuer\n +name: company\n/);
  assert.match(stdout, /issuerDuration: 72h(0m0s)?\n/);
  for (const release of ["linkerd-cni/linkerd-cni", "linkerd-viz/linkerd-viz"]) {
    assert.match(stdout, new RegExp(`Helm release ${release} goes on as it is`));
  }
  assert.doesNotMatch(stdout, /privateKeyPem/);
  const others = [
    "--selector=owner=helm,name in (linkerd-viz,linkerd-cni)",
    "--all-namespaces",
    "--output=name",
  ];
  const records = await kubectl("get", "secrets", ...others);
  await adopts(() => adopt("--yes"));
  assert.equal(await kubectl("get", "secrets", ...others), records);
  const replicas = "--output=jsonpath={.spec.replicas}";
  assert.equal(await kubectl("get", "deployment/linkerd-identity", inLinkerd, replicas), "2");
  const values = JSON.parse(
    await run("helm", "get", "values", "linkerd-control-plane", inLinkerd, "--output=json"),
  );
  assert.deepEqual(values.deploymentStrategy, { rollingUpdate: { maxUnavailable: 1, maxSurge: "25%" } });
  assert.deepEqual([values.cniEnabled, values.podLabels], [true, { team: "mesh" }]);

  await remove();
  await kubectl("get", "clusterissuer/company");
  await kubectl("get", "secret/company-root", "--namespace=cert-manager");
});
