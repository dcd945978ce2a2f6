/** Trust anchors that someone else has made: where an organisation has an authority of its own. */
import type * as pulumi from "@pulumi/pulumi";
import { checkAuthority } from "../rules/credentials/authority.ts";
import { joinBundle } from "../rules/credentials/bundle.ts";
import { parseCertificate } from "../rules/credentials/parseCertificate.ts";
import { readCertificates } from "../rules/credentials/pemText.ts";
import { checkKey } from "../rules/credentials/privateKey.ts";
import type { Finding } from "../rules/finding.ts";
import { broken } from "../rules/rules.ts";
import { checkParts } from "./settingParts.ts";
import { plain } from "./settings.ts";

/** One anchor that is given, not made. */
export interface ProvidedTrustAnchor {
  /** Its certificate in PEM, alone: P-256, or RSA of 2048 or 4096 bits. */
  readonly certificatePem: pulumi.Input<string>;
  /** Its private key in PEM; a secret from here on. Absent: the anchor is trusted, and cannot sign. */
  readonly privateKeyPem?: pulumi.Input<string> | undefined;
}

/** Anchors by their generation; the other generations are made. */
export type ProvidedTrustAnchors = Readonly<Record<string, ProvidedTrustAnchor>>;

const setting = "providedTrustAnchors";

/** Checks what is plain of the anchors that are given, each by itself, and against the list of generations. */
export function checkProvidedTrustAnchors(
  provided: ProvidedTrustAnchors,
  generations: readonly number[],
): Finding[] {
  return Object.entries(provided).flatMap(([generation, anchor]) => {
    const field = `${setting}.${generation}`;
    const shape = checkParts(field, anchor, ["certificatePem"], ["privateKeyPem"]);
    if (shape.length > 0) return shape;
    const findings = checkProvidedTrustAnchor(field, {
      certificatePem: plain(anchor.certificatePem),
      privateKeyPem: plain(anchor.privateKeyPem),
    });
    if (!generations.some((listed) => String(listed) === generation)) {
      findings.push(
        broken("provided-generation", {
          field,
          message: `trustAnchorGenerations [${generations.join(", ")}] does not list it.`,
          fix: "Add it there, or remove the anchor.",
        }),
      );
    }
    return findings;
  });
}

/** Checks one anchor as far as it is known. */
export function checkProvidedTrustAnchor(
  field: string,
  { certificatePem, privateKeyPem }: { readonly [Part in keyof ProvidedTrustAnchor]?: string | undefined },
): Finding[] {
  if (certificatePem === undefined) return [];
  const certificate = { field: `${field}.certificatePem`, text: normalised(certificatePem) };
  const { members, findings } = readCertificates(certificate, parseCertificate);
  const [anchor, another] = members;
  return [
    ...findings,
    ...(another === undefined
      ? []
      : [
          broken("provided-anchor", {
            field: certificate.field,
            message: `It holds ${members.length} certificates, and a generation is one anchor.`,
            fix: "Give each anchor a generation of its own; authorities below it belong to the issuer's chain.",
          }),
        ]),
    ...(anchor === undefined ? [] : checkAuthority(anchor, "anchor", new Date())),
    ...(privateKeyPem === undefined
      ? []
      : checkKey({ field: `${field}.privateKeyPem`, text: privateKeyPem }, anchor, [])),
  ];
}

/** The text as it gets into the bundle; one that cannot is left to the rules. */
function normalised(pem: string): string {
  try {
    return joinBundle([pem]);
  } catch {
    return pem;
  }
}
