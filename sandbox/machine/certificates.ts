/**
 * The machine's own credentials: a certificate authority, and a certificate for each of its servers and clients, so that
 * every connection of the control plane is verified both ways. Made once for a sandbox, with random keys.
 */
import { KeyObject, type webcrypto } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import "reflect-metadata"; // @peculiar/x509 expects it to be there
import * as x509 from "@peculiar/x509";
import { machineAddress, nodeName, serviceAddress } from "./network.ts";

const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
const validityMilliseconds = 10 * 365 * 24 * 3600 * 1000;
const validity = { notBefore: new Date(), notAfter: new Date(Date.now() + validityMilliseconds) };

/** The owner of a certificate. Kubernetes reads the user from the common name, and groups from the organizations. */
interface Subject {
  readonly commonName: string;
  readonly organization?: string;
  readonly serves?: readonly { type: "dns" | "ip"; value: string }[];
}

const loopback = { type: "ip", value: "127.0.0.1" } as const;
const machine = { type: "ip", value: machineAddress } as const;
const dns = (value: string) => ({ type: "dns", value }) as const;

const subjects: Record<string, Subject> = {
  "kube-apiserver": {
    commonName: "kube-apiserver",
    serves: [
      loopback,
      machine,
      { type: "ip", value: serviceAddress },
      ...["localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc"].map(dns),
      dns("kubernetes.default.svc.cluster.local"),
    ],
  },
  etcd: { commonName: "etcd", serves: [loopback, dns("localhost")] },
  kubelet: {
    commonName: `system:node:${nodeName}`,
    organization: "system:nodes",
    serves: [machine, dns(nodeName)],
  },
  "kube-apiserver-kubelet-client": {
    commonName: "kube-apiserver-kubelet-client",
    organization: "system:masters",
  },
  "kube-controller-manager": { commonName: "system:kube-controller-manager" },
  "kube-scheduler": { commonName: "system:kube-scheduler" },
  // KWOK and the egress proxy stand in for nodes and for kube-proxy; like the user, they may do everything.
  admin: { commonName: "sandbox-admin", organization: "system:masters" },
};

/**
 * Makes the credentials in `directory`, if they do not exist yet: `ca.crt`, `<name>.crt` and `<name>.key` for each
 * subject, `service-account.key` and `.pub`, and a separate authority for the API server as front proxy.
 */
export async function ensureCertificates(directory: string): Promise<void> {
  const complete = join(directory, "complete");
  if (existsSync(complete)) return;
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const authority = await makeAuthority("sandbox");
  await writeFile(join(directory, "ca.crt"), authority.certificate.toString("pem"));
  for (const [name, subject] of Object.entries(subjects)) await issue(directory, name, subject, authority);
  const frontProxy = await makeAuthority("sandbox front proxy");
  await writeFile(join(directory, "front-proxy-ca.crt"), frontProxy.certificate.toString("pem"));
  await issue(directory, "front-proxy-client", { commonName: "front-proxy-client" }, frontProxy);
  const serviceAccount = await makeKeys();
  await writeKey(join(directory, "service-account.key"), serviceAccount.privateKey);
  const publicKey = KeyObject.from(serviceAccount.publicKey).export({ type: "spki", format: "pem" });
  await writeFile(join(directory, "service-account.pub"), publicKey);
  await writeFile(complete, "");
}

type Authority = Awaited<ReturnType<typeof makeAuthority>>;

async function makeAuthority(commonName: string) {
  const keys = await makeKeys();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: `CN=${commonName}`,
    ...validity,
    keys,
    signingAlgorithm: algorithm,
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { certificate, keys };
}

async function issue(directory: string, name: string, subject: Subject, authority: Authority): Promise<void> {
  const keys = await makeKeys();
  const usages = [
    x509.ExtendedKeyUsage.clientAuth,
    ...(subject.serves ? [x509.ExtendedKeyUsage.serverAuth] : []),
  ];
  const certificate = await x509.X509CertificateGenerator.create({
    subject: [{ CN: [subject.commonName] }, ...(subject.organization ? [{ O: [subject.organization] }] : [])],
    issuer: authority.certificate.subject,
    ...validity,
    publicKey: keys.publicKey,
    signingKey: authority.keys.privateKey,
    signingAlgorithm: algorithm,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension(usages),
      await x509.AuthorityKeyIdentifierExtension.create(authority.keys.publicKey),
      ...(subject.serves ? [new x509.SubjectAlternativeNameExtension([...subject.serves])] : []),
    ],
  });
  await writeFile(join(directory, `${name}.crt`), certificate.toString("pem"));
  await writeKey(join(directory, `${name}.key`), keys.privateKey);
}

function makeKeys(): Promise<webcrypto.CryptoKeyPair> {
  return crypto.subtle.generateKey(algorithm, true, ["sign", "verify"]) as Promise<webcrypto.CryptoKeyPair>;
}

async function writeKey(path: string, key: webcrypto.CryptoKey): Promise<void> {
  await writeFile(path, KeyObject.from(key).export({ type: "pkcs8", format: "pem" }), { mode: 0o600 });
}
