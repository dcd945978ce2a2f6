/** A real Vault signs the identity issuer, set up by the commands of docs/credentials.md as they stand there. */
import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { after, before, test } from "node:test";
import { apiServerPort, machineAddress } from "../../sandbox/machine/network.ts";
import { until } from "../../sandbox/until.ts";
import { commandBlocks } from "../docs/commandBlocks.ts";
import { listObjects, listObjectsOfSettledCluster } from "../objects.ts";
import { findKeys } from "../privateKeys.ts";
import {
  check,
  destroy,
  environment,
  kubectl,
  operation,
  projectDirectory,
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
import { restartControlPlane } from "./anchorByHand.ts";
import { startVault, type Vault, vault, vaultName } from "./vault.ts";

const folder = temporaryFolder();
let server: Vault;
/** Of the cluster with Vault alone. */
let objectsBefore: string[];

/** What each login is by; nobody but Vault, the cluster's Secrets and this test may have it. */
const loginSecrets = new Map<string, string>();

/** The document's section about Vault. */
const section = readFileSync(resolve(projectDirectory, "docs", "credentials.md"), "utf8")
  .split("\n### Vault\n")[1]!
  .split(/^#{1,3} /m)[0]!;
/** Its commands, by the words in bold that they stand below. */
const commands = new Map(
  [...section.matchAll(/^\*\*(.*?)\*\*.*?```sh\n(.*?)```/gms)].map(([, title, script]) => [title!, script!]),
);
const followed = new Set<string>();

/** Runs the commands below the title, in a shell, as a reader would. */
async function follow(title: string): Promise<void> {
  followed.add(title);
  const script = commands
    .get(title)!
    // No Service's address answers in the sandbox: its pods reach the API server where it is.
    .replace("https://kubernetes.default.svc", `https://${machineAddress}:${apiServerPort}`);
  await run("bash", "-c", `set -e -o pipefail\n${script}`);
}

async function remember(secret: string, key: string): Promise<void> {
  const encoded = await kubectl(
    "get",
    "secret",
    "--namespace=linkerd",
    secret,
    `--output=jsonpath={.data.${key}}`,
  );
  loginSecrets.set(secret, Buffer.from(encoded, "base64").toString());
}

/** The issuer that is in its Secret. */
async function storedIssuer() {
  const { data } = JSON.parse(
    await kubectl("get", "secret", "--namespace=linkerd", "linkerd-identity-issuer", "--output=json"),
  ) as { data: Record<"tls.crt" | "tls.key", string> };
  const [chain, key] = [data["tls.crt"], data["tls.key"]].map((encoded) =>
    Buffer.from(encoded, "base64").toString(),
  ) as [string, string];
  return { certificate: new X509Certificate(chain), key };
}

/** Fails unless Vault has signed that certificate, as its own record says. */
async function assertSignedByVault({ serialNumber, raw }: X509Certificate): Promise<void> {
  const serial = serialNumber.toLowerCase().replaceAll(/..(?=.)/g, "$&:");
  const recorded = await vault("read", "-field=certificate", `pki/cert/${serial}`);
  assert.deepEqual(new X509Certificate(recorded).raw, raw);
}

/** All that holds of a mesh whose issuer Vault signs, however cert-manager logs in. */
async function assertRotates(): Promise<void> {
  await up();
  await upChangesNothing();
  const before = await storedIssuer();
  const { evidence } = await renew();
  assert.ok(
    evidence.some(({ step }) => step === "loaded"),
    JSON.stringify(evidence),
  );
  const issuer = await storedIssuer();
  assert.notEqual(issuer.certificate.serialNumber, before.certificate.serialNumber);
  await assertSignedByVault(issuer.certificate);
  await upChangesNothing();
  for (const options of [[], ["--secret", "linkerd/linkerd-identity-issuer"]]) {
    assert.deepEqual(await check(...options), { code: 0, findings: [] });
  }
  await assertNothingIsGivenAway(
    [before, issuer].map(({ key }, index) => ({ name: `the issuer's key ${index}`, pem: key })),
  );
}

/** Fails where Pulumi, or cert-manager's log, has what belongs to Vault or to the cluster. */
async function assertNothingIsGivenAway(keys: Parameters<typeof findKeys>[1]): Promise<void> {
  const texts = {
    "the state with its secrets in plain text": await pulumi("stack", "export", "--show-secrets"),
    "the stack's outputs": await pulumi("stack", "output", "--json", "--show-secrets"),
    "the stack's configuration": await pulumi("config", "--json", "--show-secrets"),
    "cert-manager's log": await kubectl("logs", "--namespace=cert-manager", "deployment/cert-manager"),
  };
  const secrets = [["the root token", server.rootToken], ...loginSecrets] as const;
  for (const [where, text] of Object.entries(texts)) {
    assert.ok(text.length > 0, where);
    const found = secrets.filter(
      ([, secret]) => text.includes(secret) || text.includes(Buffer.from(secret).toString("base64")),
    );
    assert.deepEqual([...found.map(([name]) => name), ...findKeys(text, keys)], [], where);
  }
}

async function destroyAllButVault(): Promise<void> {
  await set("protectTrustAnchors", "false");
  await up();
  await destroy();
  assert.deepEqual(await listObjects(), objectsBefore);
}

after(() => server?.stop());
before(async () => {
  await startSandbox("vault");
  server = await startVault(folder);
  // The document's commands ask whoever types them.
  environment.PULUMI_SKIP_CONFIRMATIONS = "true";
  objectsBefore = await listObjectsOfSettledCluster();
  // In place of a name server.
  await set("certManagerValues.hostAliases[0].ip", server.address);
  await set("certManagerValues.hostAliases[0].hostnames[0]", vaultName);
});
after(removeSandbox);

test("without what to log in with, up makes the namespace and says what is missing", async () => {
  await follow("A root of Vault's own");
  await follow("The server");
  await set("vaultIssuer.auth.tokenSecretRef.name", "vault-token");
  await set("vaultIssuer.auth.tokenSecretRef.key", "token");
  assert.match(
    await refused("up"),
    /vaultIssuer: Secret linkerd\/vault-token does not exist.*kubectl create secret generic -n linkerd vault-token --from-file=token=<file>/s,
  );
});

test("a role's path is refused at preview", async () => {
  await set("vaultIssuer.path", "pki/sign/linkerd");
  assert.match(
    await refused("preview"),
    /vaultIssuer\.path: "pki\/sign\/linkerd" does not end in \/sign-intermediate/,
  );
});

test("a leaf, as a role that is called like the authorities' path answers, is refused on trial", async () => {
  await vault("write", "pki/roles/sign-intermediate", "allow_any_name=true", "key_type=ec", "max_ttl=72h");
  await follow("The policy");
  await run(
    "bash",
    "-c",
    `vault policy write role - <<< 'path "pki/sign/sign-intermediate" { capabilities = ["create", "update"] }'`,
  );
  await vault("token", "create", "-policy=role", "-id=only-this-role");
  await kubectl(
    "create",
    "secret",
    "generic",
    "--namespace=linkerd",
    "role",
    "--from-literal=token=only-this-role",
  );
  await set("vaultIssuer.auth.tokenSecretRef.name", "role");
  await set("vaultIssuer.path", "pki/sign/sign-intermediate");
  const output = await refused("up");
  assert.match(
    output,
    /vaultIssuer, what Issuer\S+ linkerd-identity-vault has signed on trial: .*is not an authority \(CA:FALSE\)/,
  );
  const secret = ["secret", "--namespace=linkerd", "linkerd-identity-issuer", "--ignore-not-found"];
  assert.equal(await kubectl("get", ...secret), "");
  assert.equal(await kubectl("get", "deployments", "--namespace=linkerd", "--output=name"), "");
});

test("Vault's own root, given as the anchor; login by a token", async () => {
  await unset("vaultIssuer.auth");
  await follow("The server");
  await follow("With a token");
  await remember("vault-token", "token");
  await assertRotates();
});

test("a path with which the login cannot sign is refused under the mesh that runs, which keeps its issuer", async () => {
  const issuer = ["issuer", "--namespace=linkerd", "linkerd-identity-vault", "--output=jsonpath={.spec}"];
  const before = [await kubectl("get", ...issuer), (await storedIssuer()).certificate.serialNumber];
  await set("vaultIssuer.path", "pki/sign/sign-intermediate");
  assert.match(
    await refused("up"),
    /vaultIssuer: Issuer\S+ linkerd-identity-vault has signed nothing: .*permission denied/s,
  );
  assert.deepEqual(
    [await kubectl("get", ...issuer), (await storedIssuer()).certificate.serialNumber],
    before,
  );
  const trials = ["issuers,certificaterequests", "--namespace=linkerd", "--output=name"];
  assert.doesNotMatch(await kubectl("get", ...trials), /trial/);
  await set("vaultIssuer.path", "pki/root/sign-intermediate");
  await upChangesNothing();
});

test("the same; login by an AppRole", async () => {
  await unset("vaultIssuer.auth");
  await follow("With an AppRole");
  await remember("vault-approle", "secretId");
  await up();
  // Nothing is left that another login could be by.
  await vault("token", "revoke", loginSecrets.get("vault-token")!);
  await assertRotates();
});

test("the same; login by a ServiceAccount of the cluster", async () => {
  await unset("vaultIssuer.auth");
  await follow("With Kubernetes login");
  await up();
  await vault("auth", "disable", "approle");
  await assertRotates();
});

/** The commands of docs/rotation.md that are Vault's part of a rotation. */
const rotating = commandBlocks("docs/rotation.md").filter(
  ({ remark }) => remark === "run by test/onRequest/vault.cluster.test.ts",
);

/** Runs a command of the rotation, and gives where it stands then. */
async function rotate(expected: number, ...options: string[]) {
  const { code, stdout, stderr } = await operation("rotate", ...options, "--json", "--yes");
  assert.equal(code, expected, stdout + stderr);
  return JSON.parse(stdout) as { stage: string; generations: number[]; next: { handover?: string[] } };
}

test("Vault's root rotates in stages: it signs with the next one when every pod trusts that", async () => {
  const next = join(folder, "root-2.pem");
  const [makes, replaces, ...others] = rotating.map(({ script }) =>
    script.replace("../pki/root-2.pem", next),
  );
  assert.deepEqual(others, []);
  await run("bash", "-c", `set -e -o pipefail\n${makes}`);
  assert.equal((await rotate(0, "begin", "--certificate-file", next)).stage, "distributed");
  await assertSignedByVault((await storedIssuer()).certificate);
  const ready = await rotate(1, "activate", "--restart");
  assert.equal(ready.stage, "distributed");
  assert.match(
    ready.next.handover!.join(),
    /has it sign with generation 2, "root-2\.linkerd\.cluster\.local"/,
  );
  await run("bash", "-c", `set -e -o pipefail\n${replaces}`);
  assert.equal((await rotate(0, "activate")).stage, "alone");
  assert.equal((await rotate(1, "finish")).stage, "alone");
  // Certificates of the first root live for a day; whoever starts gets one of the second.
  await restartControlPlane();
  const gone = async () => {
    const { code, stdout, stderr } = await operation("rotate", "finish", "--json", "--yes");
    return code === 0 || stdout + stderr;
  };
  await until("the pods that were replaced to have gone", 120_000, gone);
  const { certificate } = await storedIssuer();
  assert.ok(certificate.verify(new X509Certificate(readFileSync(next)).publicKey));
  await assertRotates();
});

test("destroy leaves nothing but Vault", destroyAllButVault);

test("an anchor of Pulumi's, imported into Vault; login by a ServiceAccount of the cluster", async () => {
  const settings = ["vaultIssuer", "providedTrustAnchors", "trustAnchorGenerations", "protectTrustAnchors"];
  for (const setting of settings) await unset(setting);
  await vault("secrets", "disable", "pki");
  await follow("Or an anchor of Pulumi's");
  await follow("The server");
  await set("vaultIssuer.auth.kubernetes.role", "linkerd");
  await assertRotates();
});

test("destroy leaves nothing but Vault, in this row as well", destroyAllButVault);

test("every command of the document's section has been run", () => {
  assert.deepEqual([...followed].sort(), [...commands.keys()].sort());
  assert.equal(section.match(/^```sh/gm)?.length, followed.size);
});
