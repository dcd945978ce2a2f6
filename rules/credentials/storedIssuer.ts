/** Rules for the Secret in which Linkerd finds its identity issuer, whoever writes it. */

import type { Finding } from "../finding.ts";
import { broken } from "../rules.ts";
import type { ParseCertificate } from "./certificate.ts";
import { checkCredentials, type Purpose } from "./credentials.ts";
import type { PemText } from "./pemText.ts";

/** The Secret `linkerd-identity-issuer`, as the API server has it. */
export interface StoredIssuer {
  /** What to call it in a message, such as `Secret linkerd/linkerd-identity-issuer`. */
  readonly field: string;
  /** Its keys, with their values in base64. */
  readonly data: Readonly<Record<string, string>>;
}

/** A key of the Secret as a text in PEM; empty if it is not there. */
export function textOf({ field, data }: StoredIssuer, key: string): PemText {
  return { field: `${field}, ${key}`, text: Buffer.from(data[key] ?? "", "base64").toString() };
}

/** Everything about the Secret, together with the mesh's anchors, that would make Linkerd fail, now or later. */
export function checkStoredIssuer(
  stored: StoredIssuer,
  bundle: PemText,
  purpose: Purpose,
  parse: ParseCertificate,
): Finding[] {
  const { field, data } = stored;
  const missing = ["tls.crt", "tls.key"].filter((key) => data[key] === undefined);
  if (missing.length > 0) {
    return [
      broken("secret-keys", {
        field,
        message: `The Secret has ${Object.keys(data).join(", ") || "nothing"}, but not ${missing.join(" and ")}, which Linkerd reads.`,
      }),
    ];
  }
  const credentials = { bundle, issuer: textOf(stored, "tls.crt"), key: textOf(stored, "tls.key") };
  const findings = checkCredentials(credentials, purpose, parse);
  if (data["ca.crt"] !== undefined) return findings;
  return [
    ...findings,
    broken("secret-ca-crt", {
      field,
      message:
        "The Secret has no ca.crt, the root's certificate, with which linkerd check verifies the issuer.",
    }),
  ];
}
