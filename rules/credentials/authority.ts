/** Rules for one authority by itself: a trust anchor, the issuer, or an intermediate between them. */

import type { Finding } from "../finding.ts";
import { broken } from "../rules.ts";
import { quotedName } from "./certificate.ts";
import type { Member } from "./pemText.ts";

export type Role = "anchor" | "issuer" | "intermediate";

const anchorAlgorithms = ["P-256", "RSA 2048", "RSA 4096"];
const keyAlgorithms: Readonly<Record<Role, readonly string[]>> = {
  anchor: anchorAlgorithms,
  intermediate: anchorAlgorithms,
  issuer: ["P-256"],
};
const signatureAlgorithms = ["ECDSA-SHA256", "SHA256-RSA"];

const serverAuthentication = "1.3.6.1.5.5.7.3.1";
const clientAuthentication = "1.3.6.1.5.5.7.3.2";
/** A proxy is both; "any usage" stands for neither where proxies verify. */
const meshPurposes = [serverAuthentication, clientAuthentication];
const anyExtendedKeyUsage = "2.5.29.37.0";

/** A name in DER without anything in it. */
const emptyName = "3000";

const remake = "Issue it again with";

/** What to call a certificate in a message. */
export function called({ place, certificate }: Member): string {
  return `Certificate ${place}, ${quotedName(certificate)},`;
}

/** Checks a certificate by itself. */
export function checkAuthority(member: Member, role: Role, now: Date): Finding[] {
  return [
    ...checkAlgorithms(member, role),
    ...checkAuthorisation(member),
    ...checkPurposes(member),
    ...checkValidity(member, role, now),
  ];
}

function checkAlgorithms(member: Member, role: Role): Finding[] {
  const { field, certificate } = member;
  const { publicKeyAlgorithm, signatureAlgorithm } = certificate;
  const findings: Finding[] = [];
  const allowed = keyAlgorithms[role];
  if (!allowed.includes(publicKeyAlgorithm)) {
    findings.push(
      broken(`${role}-algorithm`, {
        field,
        message: `${called(member)} has a key of ${publicKeyAlgorithm}; Linkerd demands ${alternatives(allowed)} of an ${role}.`,
        fix: "Make a P-256 key, and a certificate for it: openssl ecparam -name prime256v1 -genkey -noout",
      }),
    );
  }
  if (!signatureAlgorithms.includes(signatureAlgorithm)) {
    findings.push(
      broken("signature-algorithm", {
        field,
        message: `${called(member)} is signed with ${signatureAlgorithm}; Linkerd demands ${alternatives(signatureAlgorithms)}.`,
        fix: `${remake} SHA-256, by an authority with a P-256 or an RSA key.`,
      }),
    );
  }
  return findings;
}

/** "a, b or c" */
function alternatives(names: readonly string[]): string {
  return names.join(", ").replace(/, ([^,]*)$/, " or $1");
}

function checkAuthorisation(member: Member): Finding[] {
  const { field, certificate } = member;
  const findings: Finding[] = [];
  if (certificate.subjectDer === emptyName) {
    findings.push(
      broken("subject-name", {
        field,
        message: `${called(member)} has no subject. A proxy's certificate has none either, and would seem to be signed by itself.`,
        fix: `${remake} a subject, such as CN=identity.linkerd.<trust domain>.`,
      }),
    );
  }
  if (!certificate.isCa) {
    findings.push(
      broken("is-ca", {
        field,
        message: `${called(member)} is not an authority (CA:FALSE): it cannot sign for the mesh.`,
        fix: `${remake} basicConstraints=critical,CA:TRUE (isCA: true in cert-manager, pki/root/sign-intermediate in Vault).`,
      }),
    );
  }
  if (certificate.maySignCertificates === false) {
    findings.push(
      broken("key-usage", {
        field,
        message: `${called(member)} has a key usage without "certificate sign": nothing that it signs is valid.`,
        fix: `${remake} keyUsage=critical,keyCertSign,cRLSign (usages: [cert sign, crl sign] in cert-manager).`,
      }),
    );
  }
  return findings;
}

function checkPurposes(member: Member): Finding[] {
  const { field, certificate } = member;
  const { extendedKeyUsages, otherConstraints } = certificate;
  const findings: Finding[] = [];
  const allows = (usage: string) =>
    extendedKeyUsages === undefined ||
    extendedKeyUsages.includes(usage) ||
    extendedKeyUsages.includes(anyExtendedKeyUsage);
  if (!allows(serverAuthentication)) {
    findings.push(
      broken("extended-key-usage", {
        field,
        message: `${called(member)} has an extended key usage (${extendedKeyUsages!.join(", ")}) without server authentication (${serverAuthentication}): Linkerd refuses it.`,
        fix: `Issue it again without an extended key usage, or with both serverAuth and clientAuth.`,
      }),
    );
  } else if (
    extendedKeyUsages !== undefined &&
    !meshPurposes.every((usage) => extendedKeyUsages.includes(usage))
  ) {
    findings.push(
      broken("extended-key-usage-client", {
        field,
        message: `${called(member)} has an extended key usage (${extendedKeyUsages.join(", ")}) that does not name both server authentication (${serverAuthentication}) and client authentication (${clientAuthentication}): proxies refuse what is below it.`,
        fix: `Issue it again without an extended key usage, or with both serverAuth and clientAuth.`,
      }),
    );
  }
  if (otherConstraints.length > 0) {
    findings.push(
      broken("constraints", {
        field,
        message: `${called(member)} has constraints that are not known to allow the mesh's names: extension ${otherConstraints.join(", ")}.`,
        fix: `Issue it again without this extension, or use another authority for the mesh.`,
      }),
    );
  }
  return findings;
}

function checkValidity(member: Member, role: Role, now: Date): Finding[] {
  const { field, certificate } = member;
  const { validFromDate, validToDate } = certificate.x509;
  if (now < validFromDate) {
    return [
      broken("not-yet-valid", {
        field,
        message: `${called(member)} is valid from ${validFromDate.toISOString()}; it is ${now.toISOString()}.`,
        fix: "Wait until then, or issue it again; is the clock right where it was issued?",
      }),
    ];
  }
  if (now > validToDate) {
    return [
      broken("expired", {
        field,
        message: `${called(member)} expired at ${validToDate.toISOString()}; it is ${now.toISOString()}.`,
        fix:
          role === "anchor"
            ? "Remove it from the bundle once a valid anchor signs the issuer."
            : "Issue it again; in a mesh that runs: npm run -s renew",
      }),
    ];
  }
  return [];
}
