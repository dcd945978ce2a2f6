/** Rules for the Secret in which Linkerd finds its identity issuer, whoever has written it. */

import type { Finding } from "../finding.ts";
import { broken } from "../rules.ts";
import type { ParseCertificate } from "./certificate.ts";
import { checkCredentials, type Purpose } from "./credentials.ts";
import type { PemText } from "./pemText.ts";

/** The Secret `linkerd-identity-issuer`, as the API server has it. */
export interface StoredIssuer {
  /** What to call it in a message, such as `Secret linkerd/linkerd-identity-issuer`. */
  readonly field: string;
  /** What it holds, in base64. */
  readonly data: Readonly<Record<string, string>>;
}

/** Everything about the Secret, beside the mesh's anchors, that Linkerd would choke on, now or later. */
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
        message: `It has ${Object.keys(data).join(", ") || "nothing"}, and not ${missing.join(" and ")}, which Linkerd reads.`,
        fix: "Write it like a Secret of type kubernetes.io/tls, with the root's certificate in ca.crt.",
      }),
    ];
  }
  const textOf = (key: string): PemText => ({
    field: `${field}, ${key}`,
    text: Buffer.from(data[key]!, "base64").toString(),
  });
  const findings = checkCredentials(
    { bundle, issuer: textOf("tls.crt"), key: textOf("tls.key") },
    purpose,
    parse,
  );
  if (data["ca.crt"] !== undefined) return findings;
  return [
    ...findings,
    broken("secret-ca-crt", {
      field,
      message:
        "It has no ca.crt, the certificate of the issuer's root, by which linkerd check verifies the issuer.",
      fix: "Add it; a cert-manager issuer writes it where it knows its own root.",
    }),
  ];
}
