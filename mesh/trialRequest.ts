/**
 * A certificate that an issuer is asked for on trial, before cert-manager may ask it for one that a mesh uses.
 *
 * It is asked for by a CertificateRequest alone: cert-manager puts the certificate into the request's status, no Secret is
 * written, and the key that is made here is forgotten at once.
 */
import { setTimeout } from "node:timers/promises";
import { identityIssuerUsages } from "../rules/linkerdNames.ts";
import { type CertificateRequest, conditionOf } from "./certManager.ts";
import type { Mesh } from "./cluster.ts";
import { found, requested } from "./requests.ts";

const pollMilliseconds = 500;
const api = { group: "cert-manager.io", version: "v1" };
const apiVersion = `${api.group}/${api.version}`;

/** Name of the CertificateRequest, and of an Issuer on trial. */
const trialName = "linkerd-identity-issuer-trial";

type Client = Pick<Mesh, "custom" | "namespace">;

export interface Trial {
  readonly issuerRef: { readonly group: string; readonly kind: string; readonly name: string };
  /** Of an Issuer that does not exist yet: it is made for the trial, and stands in for the reference. */
  readonly issuerSpec?: object | undefined;
  readonly commonName: string;
  readonly duration: string;
}

/** Removes what a trial leaves if it is interrupted. */
export async function removeTrial({ custom, namespace }: Client): Promise<void> {
  for (const [kind, plural] of [
    ["CertificateRequest", "certificaterequests"],
    ["Issuer", "issuers"],
  ] as const) {
    const object = { ...api, namespace, plural, name: trialName };
    await found(`${kind} ${namespace}/${trialName}`, custom.deleteNamespacedCustomObject(object));
  }
}

/**
 * Asks for an identity issuer, and removes the request whatever comes of it.
 *
 * @returns the certificate, and what follows it towards an anchor, in PEM.
 * @throws Error if it may not be asked for, is refused, or does not come in time.
 */
export async function requestOnTrial(mesh: Client, trial: Trial, timeoutSeconds: number): Promise<string> {
  const { custom, namespace } = mesh;
  const what = `CertificateRequest ${namespace}/${trialName}`;
  const metadata = { name: trialName, namespace };
  const create = (kind: string, plural: string, spec: object) =>
    requested(
      `${kind} ${namespace}/${trialName}`,
      custom.createNamespacedCustomObject({
        ...api,
        namespace,
        plural,
        body: { apiVersion, kind, metadata, spec },
      }),
    );
  await removeTrial(mesh);
  try {
    if (trial.issuerSpec !== undefined) await create("Issuer", "issuers", trial.issuerSpec);
    await create("CertificateRequest", "certificaterequests", {
      request: Buffer.from(await signingRequest(trial.commonName)).toString("base64"),
      isCA: true,
      duration: trial.duration,
      usages: identityIssuerUsages,
      issuerRef: trial.issuerSpec === undefined ? trial.issuerRef : { ...trial.issuerRef, name: trialName },
    });
    const end = Date.now() + timeoutSeconds * 1000;
    for (;;) {
      const read = custom.getNamespacedCustomObject({
        ...api,
        namespace,
        plural: "certificaterequests",
        name: trialName,
      });
      const request: CertificateRequest = await requested(what, read);
      const ready = conditionOf(request, "Ready");
      if (ready?.status === "True") return Buffer.from(request.status!.certificate!, "base64").toString();
      const seen =
        request.status?.conditions
          ?.map(({ type, status, reason, message }) => `${type}=${status} (${reason}: ${message})`)
          .join("; ") || "no condition";
      if (["Failed", "Denied"].includes(ready?.reason ?? "") || conditionOf(request, "InvalidRequest")) {
        throw new Error(`${what} was refused: ${seen}`);
      }
      if (Date.now() >= end) {
        const lack = conditionOf(request, "Approved") ? "" : ", and nobody has approved it";
        throw new Error(`${what} is not Ready after ${timeoutSeconds} s${lack}: ${seen}`);
      }
      await setTimeout(pollMilliseconds);
    }
  } finally {
    // What is left over is removed by the next run; what came of the trial says more than why.
    await removeTrial(mesh).catch(() => {});
  }
}

/** A request in PEM as cert-manager writes it for the identity issuer's Certificate. */
async function signingRequest(commonName: string): Promise<string> {
  await import("reflect-metadata"); // @peculiar/x509 expects it to be there
  const x509 = await import("@peculiar/x509");
  const { serverAuth, clientAuth } = x509.ExtendedKeyUsage;
  const request = await x509.Pkcs10CertificateRequestGenerator.create({
    name: [{ CN: [commonName] }],
    keys: await crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, false, ["sign", "verify"]),
    signingAlgorithm: { name: "ECDSA", hash: "SHA-256" },
    extensions: [
      new x509.SubjectAlternativeNameExtension([{ type: "dns", value: commonName }]),
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      new x509.ExtendedKeyUsageExtension([serverAuth, clientAuth]),
    ],
  });
  return request.toString("pem");
}
