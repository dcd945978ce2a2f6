/** A trust anchor that is rotated without this program: by edits of what identity reads, and restarts. */
import { KeyObject, type X509Certificate } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { authority, hoursFromNow } from "../certificates.ts";
import { kubectl, temporaryFolder } from "../stack.ts";

const inLinkerd = "--namespace=linkerd";
const pemOf = (certificate: X509Certificate) => certificate.toString().trimEnd();

export interface Root {
  readonly pem: string;
  /** The Secret's content of an issuer that it has signed. */
  readonly issuer: Readonly<Record<"tls.crt" | "tls.key" | "ca.crt", string>>;
}

/** A root of one's own, with an issuer below it. */
export async function makeRoot(commonName: string): Promise<Root> {
  const root = await authority({ commonName, notAfter: hoursFromNow(1000) });
  const issuer = await authority({ commonName: "identity.linkerd.cluster.local", signer: root });
  const key = KeyObject.from(issuer.privateKey).export({ format: "pem", type: "pkcs8" }).toString();
  const pem = pemOf(root.certificate);
  return { pem, issuer: { "tls.crt": pemOf(issuer.certificate), "tls.key": key, "ca.crt": pem } };
}

/** Has cert-manager leave the issuer alone: it would write it again from the old root. */
export const takeOver = () =>
  kubectl(
    "delete",
    "certificates.cert-manager.io",
    inLinkerd,
    "linkerd-identity-issuer",
    "--ignore-not-found",
  );

export async function setIssuer({ issuer }: Root): Promise<void> {
  const file = join(temporaryFolder(), "patch.json");
  writeFileSync(file, JSON.stringify({ stringData: issuer }), { mode: 0o600 });
  await kubectl("patch", "secret", inLinkerd, "linkerd-identity-issuer", `--patch-file=${file}`);
}

const bundle = ["configmap", inLinkerd, "linkerd-identity-trust-roots"] as const;

/** The anchors that proxies are started with now, in PEM. */
export const readBundle = () => kubectl("get", ...bundle, "--output=jsonpath={.data.ca-bundle\\.crt}");

export async function setBundle(...roots: readonly string[]): Promise<void> {
  const data = { "ca-bundle.crt": roots.map((pem) => pem.trimEnd()).join("\n") };
  await kubectl("patch", ...bundle, `--patch=${JSON.stringify({ data })}`);
}

export async function restartControlPlane(): Promise<void> {
  await kubectl("rollout", "restart", inLinkerd, "deployment");
  await kubectl("rollout", "status", inLinkerd, "deployment", "--timeout=300s");
}

/** Gives identity another root and an issuer below it at once, and restarts the control plane. */
export async function swapAnchor(): Promise<void> {
  const root = await makeRoot("another root");
  await takeOver();
  await setIssuer(root);
  await setBundle(root.pem);
  await restartControlPlane();
}
