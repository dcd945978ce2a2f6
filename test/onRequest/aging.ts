/**
 * Certificates of a mesh that are set back, as if it had been installed so long ago that they end soon: the same subject, key,
 * number and extensions, and as long a life, which began earlier.
 */
import assert from "node:assert/strict";
import { type webcrypto, X509Certificate } from "node:crypto";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import "reflect-metadata"; // @peculiar/x509 expects it to be there
import * as x509 from "@peculiar/x509";
import { askToIssue } from "../../mesh/certManager.ts";
import { until } from "../../sandbox/until.ts";
import { restartWorkloads } from "../meshLoad.ts";
import { connectTo, kubectl, operation, pulumi, temporaryFolder } from "../stack.ts";
import { certificateIn, keyIn, secretText } from "./anchorSecrets.ts";

const inLinkerd = "--namespace=linkerd";
const hash = "SHA-256";
/** In which a mesh is set back, and restarted as it is then. */
export const untilEndMilliseconds = 100_000;
/** Of a leaf of 120s: both allowances for clocks are part of it. */
const leafMilliseconds = 140_000;

/** The same certificate, which ends then. */
export async function agedTo(
  end: Date,
  certificate: X509Certificate,
  signingKey: webcrypto.CryptoKey,
): Promise<X509Certificate> {
  const old = new x509.X509Certificate(certificate.raw);
  const life = certificate.validToDate.getTime() - certificate.validFromDate.getTime();
  const aged = await x509.X509CertificateGenerator.create({
    serialNumber: old.serialNumber,
    subject: old.subjectName,
    issuer: old.issuerName,
    publicKey: old.publicKey,
    signingKey,
    signingAlgorithm: { ...signingKey.algorithm, hash },
    notBefore: new Date(end.getTime() - life),
    notAfter: end,
    extensions: old.extensions,
  });
  return new X509Certificate(Buffer.from(aged.rawData));
}

/** A certificate and what stands in its place. */
export type Aged = readonly [certificate: X509Certificate, aged: X509Certificate];

const pemOf = (certificate: X509Certificate) => certificate.toString().trimEnd();
const inJson = (text: string) => JSON.stringify(text).slice(1, -1);
const inBase64 = (text: string) => Buffer.from(text).toString("base64");

function withAged(text: string, pairs: readonly Aged[], ...spellings: ((pem: string) => string)[]): string {
  return pairs.reduce(
    (whole, [certificate, aged]) =>
      spellings.reduce(
        (part, spell) => part.replaceAll(spell(pemOf(certificate)), spell(pemOf(aged))),
        whole,
      ),
    text,
  );
}

/** In the stack's state, in the Secrets of the control plane's namespace, and in the bundle. */
export async function putInPlace(...pairs: readonly Aged[]): Promise<void> {
  await inState(pairs);
  const { items } = JSON.parse(await kubectl("get", "secrets", inLinkerd, "--output=json"));
  for (const { metadata, data = {} } of items) {
    // Who signed the issuer is renewed with that.
    if (!metadata.name.startsWith("linkerd-trust-anchor")) continue;
    const text = Buffer.from(data["tls.crt"], "base64").toString();
    await patch(["secret", metadata.name], { stringData: { "tls.crt": withAged(text, pairs, String) } });
  }
  const bundle = ["configmap", "linkerd-identity-trust-roots"];
  const text = await kubectl("get", ...bundle, inLinkerd, "--output=jsonpath={.data.ca-bundle\\.crt}");
  await patch(bundle, { data: { "ca-bundle.crt": withAged(text, pairs, String) } });
}

const manager = "aging";

/** Whoever has written the object before stays the owner of its fields: time is nobody's edit. */
async function patch(object: readonly string[], content: object): Promise<void> {
  const file = join(temporaryFolder(), "patch.json");
  const apply = async (patched: object) => {
    writeFileSync(file, JSON.stringify(patched), { mode: 0o600 });
    const options = ["--type=merge", `--patch-file=${file}`, `--field-manager=${manager}`];
    await kubectl("patch", ...object, inLinkerd, ...options);
  };
  await apply(content);
  const { metadata } = JSON.parse(
    await kubectl("get", ...object, inLinkerd, "--output=json", "--show-managed-fields"),
  );
  const managedFields = metadata.managedFields.filter((one: { manager: string }) => one.manager !== manager);
  await apply({ metadata: { managedFields } });
}

async function inState(pairs: readonly Aged[]): Promise<void> {
  const file = join(temporaryFolder(), "state.json");
  writeFileSync(file, "", { mode: 0o600 });
  await pulumi("stack", "export", "--show-secrets", "--file", file);
  const state = JSON.parse(readFileSync(file, "utf8"));
  for (const [certificate, aged] of pairs) redate(state, certificate, aged);
  const spellings = [
    inJson,
    (pem: string) => inJson(inJson(pem)),
    inBase64,
    (pem: string) => inBase64(`${pem}\n`),
  ];
  writeFileSync(file, withAged(JSON.stringify(state), pairs, ...spellings));
  await pulumi("stack", "import", "--file", file);
  rmSync(file);
}

/** What the state says beside the certificates themselves. */
function redate(part: unknown, certificate: X509Certificate, aged: X509Certificate): void {
  if (typeof part !== "object" || part === null) return;
  const fields = part as Record<string, unknown>;
  const [from, to] = [aged.validFromDate.toISOString(), aged.validToDate.toISOString()];
  if (fields.fingerprintSha256 === certificate.fingerprint256) {
    Object.assign(fields, { fingerprintSha256: aged.fingerprint256, notBefore: from, notAfter: to });
  }
  if (typeof fields.certPem === "string" && fields.certPem.trimEnd() === pemOf(certificate)) {
    if ("validityEndTime" in fields) Object.assign(fields, { validityStartTime: from, validityEndTime: to });
  }
  for (const one of Object.values(fields)) redate(one, certificate, aged);
}

/** Has cert-manager issue the issuer again, and waits until it has. */
export async function issueAgain(): Promise<void> {
  const stored = () => secretText("linkerd-identity-issuer", "tls.crt");
  const before = await stored();
  await askToIssue(connectTo("linkerd"), "linkerd-identity-issuer");
  await until("cert-manager to issue the issuer again", 60_000, async () => (await stored()) !== before);
}

/**
 * Sets the one anchor back, and has all that runs start with it as it is then.
 *
 * @param name of its Secret.
 */
export async function endsSoon(name: string): Promise<Date> {
  const end = new Date(Date.now() + untilEndMilliseconds);
  const root = await certificateIn(name);
  await putInPlace([root, await agedTo(end, root, await keyIn(name))]);
  // For the root that stands beside it.
  await issueAgain();
  await kubectl("rollout", "restart", inLinkerd, "deployment/linkerd-identity");
  await kubectl("rollout", "status", inLinkerd, "deployment/linkerd-identity", "--timeout=120s");
  await restartWorkloads();
  assert.ok(end > new Date());
  return end;
}

export const past = (end: Date) => pause(Math.max(0, end.getTime() - Date.now()) + 2_000);

/** Waits until the leaf of each of the three pods that run has ended; a leaf lives for 120s (issuanceLifetime). */
export const everyLeafEnded = () =>
  until("every leaf to end", 3 * leafMilliseconds, async () => {
    const { code, stdout, stderr } = await operation("recover", "--check");
    assert.equal(code, 1, stdout + stderr);
    return [0, 1, 2].every((index) => stdout.includes(`running-${index}: 1 pod: its leaf ended`)) || stdout;
  });
