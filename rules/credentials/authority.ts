/** Rules for one authority by itself: a trust anchor, the issuer, or an intermediate between them. */

import type { Finding } from "../finding.ts";
import { anchorWarnBefore, checkAnchorEnd } from "../lifetimes/trustAnchor.ts";
import { broken } from "../rules.ts";
import { outsideValidity, type ParsedCertificate, quotedName } from "./certificate.ts";
import type { Member } from "./pemText.ts";
import type { credentialRules } from "./rules.ts";

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
/** A proxy is both a server and a client; when proxies verify, "any usage" stands for neither. */
const meshPurposes = [serverAuthentication, clientAuthentication];
const anyExtendedKeyUsage = "2.5.29.37.0";

const expiredFixes: Readonly<Record<Role, string>> = {
  anchor: "Remove it from the bundle once a valid anchor signs the issuer.",
  issuer:
    "Issue it again: npm run -s renew, or, if cert-manager does not keep it, where it was issued, by an authority that is valid.",
  intermediate: "Issue it again, by an authority that is valid, and put it in the place of this one.",
};

/** An empty name in DER. */
const emptyName = "3000";

/** What to call a certificate in a message. */
export function called({ place, certificate }: Member): string {
  return `Certificate ${place}, ${quotedName(certificate)},`;
}

/** @param warnBefore how early the end of an anchor is warned of. */
export function checkAuthority(
  member: Member,
  role: Role,
  now: Date,
  warnBefore: string = anchorWarnBefore,
): Finding[] {
  const { field, certificate } = member;
  const findings = Array.from(faultsOf(certificate, role, now), ([rule, fault]) => {
    const fix = rule === "expired" ? expiredFixes[role] : undefined;
    return broken(rule, { field, message: `${called(member)} ${fault}`, fix });
  });
  if (role !== "anchor") return findings;
  const { validFromDate: from, validToDate: end } = certificate.x509;
  // Not by its place: in a stack's settings and in the bundle, it has the same words.
  const anchor = { field, name: `The anchor ${quotedName(certificate)}`, from, end };
  return [...findings, ...checkAnchorEnd(anchor, now, warnBefore)];
}

/** Every broken rule, with what the certificate does wrong as the rest of a sentence about it. */
function* faultsOf(
  certificate: ParsedCertificate,
  role: Role,
  now: Date,
): Generator<readonly [rule: keyof typeof credentialRules, fault: string]> {
  const { publicKeyAlgorithm, signatureAlgorithm, extendedKeyUsages, otherConstraints } = certificate;
  if (!keyAlgorithms[role].includes(publicKeyAlgorithm)) {
    yield [
      `${role}-algorithm`,
      `has an unsupported key: ${publicKeyAlgorithm}. Linkerd requires ${alternatives(keyAlgorithms[role])} for an ${role}.`,
    ];
  }
  if (!signatureAlgorithms.includes(signatureAlgorithm)) {
    yield [
      "signature-algorithm",
      `is signed with ${signatureAlgorithm}; Linkerd requires ${alternatives(signatureAlgorithms)}.`,
    ];
  }
  if (certificate.subjectDer === emptyName) {
    yield [
      "subject-name",
      "has no subject. A proxy's certificate has none either, and would seem to be self-signed.",
    ];
  }
  if (!certificate.isCa) yield ["is-ca", "is not an authority (CA:FALSE), so it cannot sign for the mesh."];
  if (certificate.maySignCertificates === false) {
    yield ["key-usage", `has a key usage without "certificate sign", so nothing that it signs is valid.`];
  }
  if (extendedKeyUsages !== undefined) {
    const usages = `has an extended key usage (${extendedKeyUsages.join(", ")})`;
    if (![serverAuthentication, anyExtendedKeyUsage].some((usage) => extendedKeyUsages.includes(usage))) {
      yield [
        "extended-key-usage",
        `${usages} without server authentication (${serverAuthentication}), so Linkerd refuses it.`,
      ];
    } else if (!meshPurposes.every((usage) => extendedKeyUsages.includes(usage))) {
      yield [
        "extended-key-usage-client",
        `${usages} that does not name both server authentication (${serverAuthentication}) and client authentication (${clientAuthentication}), so proxies refuse what is below it.`,
      ];
    }
  }
  if (otherConstraints.length > 0) {
    yield [
      "constraints",
      `has constraints that may exclude the mesh's names: extension ${otherConstraints.join(", ")}.`,
    ];
  }
  const outside = outsideValidity(certificate, now);
  if (outside !== undefined) {
    const rule = now < certificate.x509.validFromDate ? "not-yet-valid" : "expired";
    yield [rule, `${outside}; the time is ${now.toISOString()}.`];
  }
}

/** "a, b or c" */
function alternatives(names: readonly string[]): string {
  return names.join(", ").replace(/, ([^,]*)$/, " or $1");
}
