/**
 * Looks at the identity issuer that the cluster really holds, right before the control plane is created or changed.
 *
 * cert-manager calls a Certificate Ready whatever its issuer has answered: a leaf where an authority was asked for, or
 * an authority that leads to none of the mesh's anchors. With such a Secret a new identity controller ends at once, and
 * a running one stops issuing when its present issuer ends.
 */
import { X509Certificate } from "node:crypto";
import * as pulumi from "@pulumi/pulumi";
import type { Finding } from "../components/pki/finding.ts";
import { broken } from "../components/pki/rules.ts";
import { requireSound } from "../components/settings.ts";
import type { Kubectl } from "./interruptedReleases.ts";

const secretName = "linkerd-identity-issuer";

/** What is read of the control plane's release. */
interface ControlPlane {
  readonly name: string;
  readonly namespace: string;
  readonly values?: unknown;
}

/**
 * Passes where the release is not the control plane's, where its issuer is fit, and where kubectl cannot tell.
 *
 * @throws pulumi.RunError with what is wrong with the issuer.
 */
export async function checkIssuerOf(kubectl: Kubectl, release: ControlPlane): Promise<void> {
  if (release.name !== "linkerd-control-plane") return;
  const { identityTrustAnchorsPEM: bundle } = (release.values ?? {}) as { identityTrustAnchorsPEM?: unknown };
  let encoded: string;
  try {
    // The key stays where it is.
    const template = "jsonpath={.data.tls\\.crt}";
    encoded = await kubectl(
      "get",
      "secret",
      "--namespace",
      release.namespace,
      secretName,
      "--output",
      template,
    );
  } catch (error) {
    pulumi.log.debug(`The Secret ${release.namespace}/${secretName}: ${(error as Error).message}`);
    return;
  }
  const chain = Buffer.from(encoded, "base64").toString();
  requireSound(
    checkIssuer(
      `Secret ${release.namespace}/${secretName}`,
      chain,
      typeof bundle === "string" ? bundle : undefined,
    ),
  );
}

/** Checks that an issuer is an authority that leads to an anchor of the bundle. */
function checkIssuer(field: string, chain: string, bundle: string | undefined): Finding[] {
  const certificates = certificatesOf(chain);
  const [issuer] = certificates;
  if (issuer === undefined) {
    return [
      broken("pem-certificate", {
        field,
        message: "Its tls.crt holds no certificate in PEM.",
        fix: `See why: kubectl describe certificate ${secretName}`,
      }),
    ];
  }
  const called = `The certificate ${issuer.subject.replaceAll("\n", ", ")}`;
  if (!issuer.ca) {
    return [
      broken("is-ca", {
        field,
        message: `${called} is not an authority (CA:FALSE): its issuer has answered with a leaf, though an authority was asked for.`,
        fix: "Let an issuer sign that honours isCA; with Vault, by a path that ends in /sign-intermediate, not by a role's.",
      }),
    ];
  }
  if (bundle === undefined || leadsTo(certificates, certificatesOf(bundle))) return [];
  return [
    broken("chain", {
      field,
      message: `${called} leads to no trust anchor of the mesh: ${issuer.issuer.replaceAll("\n", ", ")} has signed it.`,
      fix: "Put the root of the issuer that signs into the mesh's anchors, or let another one sign.",
    }),
  ];
}

function leadsTo(
  [issuer, ...others]: readonly X509Certificate[],
  anchors: readonly X509Certificate[],
): boolean {
  const isSignedBy = (one: X509Certificate, other: X509Certificate) =>
    one.checkIssued(other) && one.verify(other.publicKey);
  let current = issuer;
  const left = new Set(others);
  while (current !== undefined) {
    const below: X509Certificate = current;
    if (anchors.some((anchor) => isSignedBy(below, anchor))) return true;
    current = [...left].find((other) => isSignedBy(below, other));
    if (current !== undefined) left.delete(current);
  }
  return false;
}

function certificatesOf(text: string): X509Certificate[] {
  const blocks = text.match(/-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g) ?? [];
  return blocks.map((block) => new X509Certificate(block));
}
