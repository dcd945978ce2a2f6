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

/** Everything about the Secret, together with the mesh's anchors, that would make Linkerd fail, now or later. */
export function checkStoredIssuer(
  { field, data }: StoredIssuer,
  bundle: PemText,
  purpose: Purpose,
  parse: ParseCertificate,
): Finding[] {
  const missing = ["tls.crt", "tls.key"].filter((key) => data[key] === undefined);
  if (missing.length > 0) {
    return [
      broken("secret-keys", {
        field,
        message: `The Secret has ${Object.keys(data).join(", ") || "nothing"}, but not ${missing.join(" and ")}, which Linkerd reads.`,
      }),
    ];
  }
  const textOf = (key: string): PemText => ({
    field: `${field}, ${key}`,
    text: Buffer.from(data[key]!, "base64").toString(),
  });
  const credentials = { bundle, issuer: textOf("tls.crt"), key: textOf("tls.key") };
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
