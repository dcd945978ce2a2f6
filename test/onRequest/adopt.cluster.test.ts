/**
 * `npm run test:adopt`: meshes that others have installed, by Helm and kubectl as documentation has it, are taken into a
 * stack under load, by the commands of docs/adoption.md, and so is one whose stack has lost its state. What every pod trusts
 * stays the same.
 */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { chartArchive } from "../../sandbox/programs.ts";
import { authority, type Fabricated, hoursFromNow } from "../certificates.ts";
import { restartWorkloads, startLoad, undisturbed } from "../meshLoad.ts";
import { listObjects, listObjectsOfSettledCluster } from "../objects.ts";
import { findKeys } from "../privateKeys.ts";
import {
  kubectl,
  pulumi,
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
import {
  adopt,
  adoptIt,
  adopts,
  apply,
  backOut,
  folder,
  forgetStack,
  inLinkerd,
  installCharts,
  issuerSecret,
  keyOf,
  killedAt,
  look,
  loseState,
  makeNamespace,
  newStack,
  pemOf,
  refused,
  remove,
  runScript,
  said,
  signByNew,
  stackFile,
  succeeded,
  trustBoth,
  versions,
  write,
} from "./adoption.ts";

let root: Fabricated;
let objectsBefore: string[];

before(async () => {
  await startSandbox("mesh-load");
  root = await authority({ commonName: "root.linkerd.cluster.local", notAfter: hoursFromNow(87_600) });
  write("root.pem", pemOf(root));
  write("root.key", keyOf(root));
  const chart = await chartArchive(sandboxName, "cert-manager");
  const values = ["--create-namespace", "--set=crds.enabled=true", "--wait"];
  await run("helm", "install", "cert-manager", chart, "--namespace=cert-manager", ...values);
  objectsBefore = await listObjectsOfSettledCluster();
});
after(removeSandbox);

test("where there is no Linkerd, there is nothing to adopt", async () => {
  assert.match(await refused("--yes"), /No Linkerd is installed there/);
});

test("what Linkerd's page on rotating control plane credentials installs is adopted", async () => {
  await makeNamespace();
  await kubectl(
    ...["create", "secret", "tls", "linkerd-trust-anchor", inLinkerd],
    ...[`--cert=${join(folder, "root.pem")}`, `--key=${join(folder, "root.key")}`],
  );
  const metadata = (name: string) => ({ name, namespace: "linkerd" });
  await apply(
    "page",
    {
      apiVersion: "cert-manager.io/v1",
      kind: "Issuer",
      metadata: metadata("linkerd-trust-anchor"),
      spec: { ca: { secretName: "linkerd-trust-anchor" } },
    },
    {
      apiVersion: "cert-manager.io/v1",
      kind: "Certificate",
      metadata: metadata("linkerd-identity-issuer"),
      spec: {
        secretName: "linkerd-identity-issuer",
        duration: "48h",
        renewBefore: "25h",
        issuerRef: { name: "linkerd-trust-anchor", kind: "Issuer" },
        commonName: "identity.linkerd.cluster.local",
        dnsNames: ["identity.linkerd.cluster.local"],
        isCA: true,
        privateKey: { algorithm: "ECDSA" },
        usages: ["cert sign", "crl sign", "server auth", "client auth"],
      },
    },
  );
  await kubectl(
    "wait",
    "certificate/linkerd-identity-issuer",
    inLinkerd,
    "--for=condition=Ready",
    "--timeout=60s",
  );
  await installCharts({
    identityTrustAnchorsPEM: pemOf(root),
    identity: { issuer: { scheme: "kubernetes.io/tls" } },
  });
  await startLoad({ simulated: 0, running: 3 });

  const before = [readFileSync(stackFile(), "utf8"), await versions()];
  const { code, stdout, stderr } = await runScript(look);
  assert.equal(code, 1, stdout + stderr);
  assert.deepEqual([readFileSync(stackFile(), "utf8"), await versions()], before);
  for (const name of [
    "Secret linkerd/linkerd-trust-anchor, which is by kubectl-create",
    "Issuer linkerd/linkerd-trust-anchor, which is by kubectl-client-side-apply",
    "Certificate linkerd/linkerd-identity-issuer, which is by kubectl-client-side-apply",
    "Helm release linkerd/linkerd-crds",
    "Helm release linkerd/linkerd-control-plane",
  ]) {
    assert.ok(stdout.includes(`\n  ${name}\n`), stdout);
  }

  // Killed before pulumi up, it has changed nothing, and can be backed out.
  await killedAt(/Importing what is there/);
  succeeded(await runScript(backOut));
  assert.equal(await versions(), before[1]);
  await newStack();

  const issuer = ["get", "secret/linkerd-identity-issuer", inLinkerd, "--output=jsonpath={.data}"];
  const issued = await kubectl(...issuer);
  await adopts(() => runScript(adoptIt));
  assert.equal(await kubectl(...issuer), issued, "nor is the issuer another one");
  assert.match(readFileSync(stackFile(), "utf8"), /linkerdControlPlaneValues:\n +podLabels:\n +team: mesh/);

  // What kubectl has set is the stack's now, and so the stack may set it otherwise.
  await set("issuerDuration", "50h");
  await up();
  await unset("issuerDuration");
  await up();
});

test("a stack that has lost its state and its passphrase gets back what it had, though the command is killed on its way", async () => {
  await loseState();
  // What is encrypted is of no use then, and taken out.
  const text = readFileSync(stackFile(), "utf8");
  const rest = text.replaceAll(/\n *privateKeyPem:\n *secure: .*/g, "");
  assert.notEqual(rest, text);
  writeFileSync(stackFile(), rest);
  await killedAt(/Running pulumi up/);
  await adopts(() => adopt("--yes"));
});

test("destroyed, what is the stack's goes, and nothing else", async () => {
  await remove();
  await kubectl("rollout", "status", "deployment/cert-manager", "--namespace=cert-manager", "--timeout=60s");
  assert.deepEqual(await listObjects(), objectsBefore);
});

/** What `helm install` with certificates of one's own makes: an issuer that nobody renews. */
async function installWithOwnIssuer(): Promise<void> {
  await forgetStack();
  await newStack();
  await makeNamespace();
  const issuer = await authority({ commonName: "identity.linkerd.cluster.local", signer: root });
  await installCharts({
    identityTrustAnchorsPEM: pemOf(root),
    identity: { issuer: { tls: { crtPEM: pemOf(issuer), keyPEM: keyOf(issuer) } } },
  });
  await startLoad({ simulated: 0, running: 3 });
}

test("an issuer that Helm was given, and nobody renews, is handed to cert-manager with the anchor's key", async () => {
  await installWithOwnIssuer();
  const other = await authority({ commonName: "root.linkerd.cluster.local" });
  assert.match(
    await refused("--yes", `--trust-anchor-key=${write("other.key", keyOf(other))}`),
    /providedTrustAnchors\.1\.privateKeyPem: .*Rule: key-match/s,
  );
  await adopts(() => adopt("--yes", `--trust-anchor-key=${join(folder, "root.key")}`));
  assert.deepEqual(await issuerSecret(), {
    keys: ["ca.crt", "crt.pem", "key.pem", "tls.crt", "tls.key"],
    byCertManager: true,
  });
  await restartWorkloads();
  await remove();
});

test("without that key, the issuer stays, until an anchor of the stack's own has taken the place of theirs", async () => {
  await installWithOwnIssuer();
  await adopts(() => adopt("--yes"));
  assert.deepEqual(await issuerSecret(), {
    keys: ["crt.pem", "key.pem", "tls.crt", "tls.key"],
    byCertManager: false,
  });
  await undisturbed(async () => void succeeded(await runScript(trustBoth)));
  assert.notEqual((await runScript(signByNew)).code, 0, "pods run that would refuse what it signs");
  await restartWorkloads();
  await undisturbed(async () => void succeeded(await runScript("pulumi up --yes; npm run -s renew")));
  assert.equal((await issuerSecret()).byCertManager, true);
  await upChangesNothing();
  await soundCredentials();
  await restartWorkloads();
});

test("of an anchor that Pulumi has made, the cluster has the key when the state is lost", async () => {
  await remove();
  await forgetStack();
  await newStack();
  await set("installCertManager", "false");
  await up();
  await startLoad({ simulated: 0, running: 3 });
  const anchors = await pulumi("stack", "output", "trustAnchors", "--json");
  await loseState();
  await adopts(() => adopt("--yes"));
  assert.equal(await pulumi("stack", "output", "trustAnchors", "--json"), anchors);
});

test("no key is given away by what the command has said, or by what it has written", async () => {
  const keys = [{ name: "anchor", pem: keyOf(root) }];
  const written = [...said, readFileSync(stackFile(), "utf8"), await pulumi("stack", "export")];
  assert.deepEqual(
    written.flatMap((text) => findKeys(text, keys)),
    [],
  );
});
