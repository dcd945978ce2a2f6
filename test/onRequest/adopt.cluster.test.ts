/**
 * `npm run test:adopt`: meshes that others have installed, by Helm and kubectl as documentation has it, are taken into a
 * stack under load, and so is one whose stack has lost its state. What every pod trusts stays the same.
 */
import assert from "node:assert/strict";
import { KeyObject } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { parse, stringify } from "yaml";
import { sandboxPaths } from "../../sandbox/directories.ts";
import { ensureStack } from "../../sandbox/environment.ts";
import { chartArchive } from "../../sandbox/programs.ts";
import { authority, type Fabricated, hoursFromNow } from "../certificates.ts";
import { commandBlocks } from "../docs/commandBlocks.ts";
import { removeLoad, restartWorkloads, startLoad, undisturbed } from "../meshLoad.ts";
import { listObjects, listObjectsOfSettledCluster } from "../objects.ts";
import { findKeys } from "../privateKeys.ts";
import {
  type CommandResult,
  destroy,
  execute,
  kubectl,
  operation,
  pulumi,
  removeSandbox,
  run,
  sandboxName,
  set,
  soundCredentials,
  startSandbox,
  temporaryFolder,
  up,
  upChangesNothing,
} from "../stack.ts";

const inLinkerd = "--namespace=linkerd";
const folder = temporaryFolder();
const stackFile = () => sandboxPaths(sandboxName).stackConfiguration;

let root: Fabricated;
let objectsBefore: string[];
/** What the command has said. */
const said: string[] = [];

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

const pemOf = ({ certificate }: Fabricated) => certificate.toString();
const keyOf = ({ privateKey }: Fabricated) =>
  KeyObject.from(privateKey).export({ format: "pem", type: "sec1" }).toString();

function write(name: string, content: string): string {
  const file = join(folder, name);
  writeFileSync(file, content, { mode: 0o600 });
  return file;
}

const apply = (name: string, ...objects: object[]) =>
  kubectl(
    "apply",
    "--filename",
    write(`${name}.json`, JSON.stringify({ apiVersion: "v1", kind: "List", items: objects })),
  );

async function adopt(...options: string[]): Promise<CommandResult> {
  const result = await operation("adopt", ...options);
  said.push(result.stdout, result.stderr);
  return result;
}

/** The commands of docs/adoption.md that are run here. */
const scripts = commandBlocks("docs/adoption.md")
  .filter(({ remark }) => remark?.startsWith("run by"))
  .map(({ script }) => script);
const [look, adoptIt, checkIt, trustBoth, signByNew, backOut] = scripts;

/** Runs commands of the page. */
async function runScript(script: string | undefined): Promise<CommandResult> {
  const result = await execute("bash", ["-c", `set -e\n${script}`]);
  said.push(result.stdout, result.stderr);
  return result;
}

/** What it says as it refuses, and changes nothing. */
async function refused(...options: string[]): Promise<string> {
  const before = [readFileSync(stackFile(), "utf8"), await versions()];
  const { code, stdout, stderr } = await adopt(...options);
  assert.equal(code, 2, stdout + stderr);
  assert.deepEqual([readFileSync(stackFile(), "utf8"), await versions()], before);
  return stderr;
}

/** Linkerd's namespace, as its documentation on control plane credentials has it. */
const makeNamespace = () =>
  apply("namespace", {
    apiVersion: "v1",
    kind: "Namespace",
    metadata: {
      name: "linkerd",
      annotations: { "linkerd.io/inject": "disabled" },
      labels: {
        "linkerd.io/is-control-plane": "true",
        "config.linkerd.io/admission-webhooks": "disabled",
        "linkerd.io/control-plane-ns": "linkerd",
      },
    },
  });

/** Linkerd's charts, by Helm, with values of one's own. */
async function installCharts(values: object): Promise<void> {
  await run("helm", "install", "linkerd-crds", await chartArchive(sandboxName, "linkerd-crds"), inLinkerd);
  const file = write("values.yaml", stringify({ ...values, podLabels: { team: "mesh" } }));
  const chart = await chartArchive(sandboxName, "linkerd-control-plane");
  const options = [inLinkerd, `--values=${file}`, "--wait", "--timeout=5m"];
  await run("helm", "install", "linkerd-control-plane", chart, ...options);
}

/** A stack without state or settings, as `pulumi stack init` makes it. */
async function newStack(): Promise<void> {
  const { encryptionsalt } = parse(readFileSync(stackFile(), "utf8"));
  const config = { "linkerd-rotating-tls:helmTimeoutSeconds": "300" };
  writeFileSync(stackFile(), stringify({ encryptionsalt, config }));
  await ensureStack(sandboxName, console.log);
}

const forgetStack = () => pulumi("stack", "rm", "dev", "--force", "--yes", "--preserve-config");

/** What tells whether anything of the mesh has been touched. */
const versions = () =>
  kubectl(
    "get",
    "secrets,configmaps,deployments,issuers,certificates.cert-manager.io",
    inLinkerd,
    "--ignore-not-found",
    "--output=custom-columns=:.kind,:.metadata.name,:.metadata.generation,:.data",
  );

const bundle = () =>
  kubectl("get", "configmap/linkerd-identity-trust-roots", inLinkerd, "--output=jsonpath={.data}");

/** Adopts the mesh while proxies go on as before, and looks that the stack has all of it. */
async function adopts(command: () => Promise<CommandResult>): Promise<void> {
  const before = await bundle();
  await undisturbed(async () => void succeeded(await command()));
  assert.equal(await bundle(), before);
  const { stdout } = succeeded(await runScript(checkIt));
  assert.match(stdout, /All right.*there is nothing to adopt/s);
}

function succeeded(result: CommandResult): CommandResult {
  assert.equal(result.code, 0, result.stdout + result.stderr);
  return result;
}

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
});

/** Has the backend lose the stack, whose file stays, and makes it anew. */
async function loseState(): Promise<void> {
  await forgetStack();
  await ensureStack(sandboxName, console.log);
}

test("a stack that has lost its state gets it back from the cluster, though the command is killed on its way", async () => {
  await loseState();
  await killedAt(/Running pulumi up/);
  await adopts(() => adopt("--yes"));
});

/** Starts an adoption, and kills it as soon as a line appears. */
async function killedAt(line: RegExp): Promise<void> {
  let isKilled = false;
  const args = ["operations/adopt/adopt.ts", "--yes"];
  await execute(process.execPath, args, (text, kill) => {
    if (!line.test(text)) return;
    isKilled = true;
    kill();
  });
  assert.ok(isKilled);
  // A killed engine cannot take its lock back.
  await ensureStack(sandboxName, console.log);
}

/** Removes the mesh, and what was there before the stack. */
async function remove(): Promise<void> {
  await removeLoad();
  await set("protectTrustAnchors", "false");
  await up();
  await destroy();
  assert.equal(
    await kubectl("get", "deployments,issuers,certificates.cert-manager.io", inLinkerd, "--output=name"),
    "",
  );
  await kubectl("delete", "namespace", "linkerd");
}

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

/** The keys that the issuer's Secret has, and whether cert-manager has filled it. */
async function issuerSecret(): Promise<{ keys: readonly string[]; byCertManager: boolean }> {
  const secret = JSON.parse(
    await kubectl("get", "secret/linkerd-identity-issuer", inLinkerd, "--output=json"),
  );
  return {
    keys: Object.keys(secret.data),
    byCertManager: "cert-manager.io/certificate-name" in secret.metadata.annotations,
  };
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
