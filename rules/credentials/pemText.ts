/** Rules for the text of a bundle or of an issuer, before its certificates are looked at. */

import type { Finding } from "../finding.ts";
import { broken } from "../rules.ts";
import type { ParseCertificate, ParsedCertificate } from "./certificate.ts";
import { quoted } from "./certificate.ts";
import { decodePem, type PemBlock } from "./pem.ts";

/** A text, and the name of the setting or option that it comes from. */
export interface PemText {
  readonly field: string;
  readonly text: string;
}

/** A certificate of a text, and what to call it in a message. */
export interface Member {
  readonly field: string;
  /** Its place among the text's certificates, from 1. */
  readonly place: number;
  readonly certificate: ParsedCertificate;
}

/** What a ConfigMap or a Secret can hold at most. */
export const longestPemBytes = 1_048_576;

const rewrite = (field: string) =>
  `Write ${field} anew with its certificates alone: openssl crl2pkcs7 -nocrl -certfile FILE | openssl pkcs7 -print_certs | sed -n '/^-----BEGIN/,/^-----END/p'`;

/** The certificates that can be read from a text, and everything about the text that is not as Linkerd wants it. */
export function readCertificates(
  { field, text }: PemText,
  parse: ParseCertificate,
): { members: readonly Member[]; findings: readonly Finding[] } {
  if (Buffer.byteLength(text) > longestPemBytes) return { members: [], findings: [tooLong(field)] };
  const { blocks, rest } = decodePem(text);
  const findings: Finding[] = [];
  const members: Member[] = [];
  let place = 0;

  for (const { skipped, line } of blocks) findings.push(...checkSkipped(field, skipped, line));
  for (const [index, block] of blocks.entries()) {
    if (block.type !== "CERTIFICATE") {
      findings.push(wrongType(field, block, blocks.length - index - 1));
      continue;
    }
    if (block.headers.length > 0) {
      findings.push(
        broken("pem-headers", {
          field,
          message: `The certificate at line ${block.line} has the PEM header ${quoted(block.headers[0]!)}: not everything in a mesh reads it.`,
          fix: "Remove the lines between BEGIN and the base64 text.",
        }),
      );
    }
    place++;
    try {
      members.push({ field, place, certificate: parse(block.content) });
    } catch (error) {
      const { message } = error as Error;
      // OpenSSL's own words tell of its last attempt, to read it as a text.
      const reason = message.startsWith("error:") ? "it cannot be parsed" : message.replace(/\.$/, "");
      findings.push(
        broken("certificate-readable", {
          field,
          message: `The block at line ${block.line} is no X.509 certificate (${reason}), and Linkerd takes all of them or none.`,
          fix: "Get it anew from where it was issued; openssl x509 -in FILE -text shows one certificate.",
        }),
      );
    }
  }

  if (!blocks.some(({ type }) => type === "CERTIFICATE")) findings.push(noCertificate(field, text));
  // Behind a block of another type Linkerd reads nothing, and that block is a finding already.
  else if (blocks.every(({ type }) => type === "CERTIFICATE")) findings.push(...checkRest(field, rest));
  if (text.includes("\r")) {
    findings.push(
      broken("pem-line-ends", {
        field,
        message: "Its lines end as on Windows (CR LF); Linkerd's own end with LF alone.",
        fix: "Convert it: dos2unix FILE, or sed -i 's/\\r$//' FILE",
      }),
    );
  }
  if (/-----BEGIN CERTIFICATE-----[^-:]*\n[ \t\r]*\n[^-:]*-----END CERTIFICATE-----/.test(text)) {
    findings.push(
      broken("pem-blank-lines", {
        field,
        message:
          "There are blank lines between the BEGIN and the END of a certificate: not everything in a mesh reads it.",
        fix: rewrite(field),
      }),
    );
  }
  return { members, findings: [...findings, ...checkDuplicates(field, members)] };
}

export function tooLong(field: string): Finding {
  return broken("file-size", {
    field,
    message: `It is longer than ${longestPemBytes} bytes (1 MiB), the most that a ConfigMap or a Secret holds.`,
    fix: "Keep only the certificates that the mesh needs: one or two trust anchors, one issuer.",
  });
}

/** Something of a block that is none. */
const hasRemains = (text: string) => text.includes("-----BEGIN ") || text.includes("-----END ");

/** Finds fault with what stands before a block. */
export function checkSkipped(field: string, skipped: string, line: number): Finding[] {
  if (skipped === "") return [];
  if (hasRemains(skipped)) return [damaged(field, `Before line ${line}`)];
  return [
    broken("pem-text", {
      field,
      message: `There ${skipped.trim() === "" ? "are blank lines" : "is text"} before the block at line ${line}.`,
      fix: rewrite(field),
    }),
  ];
}

function checkRest(field: string, rest: string): Finding[] {
  if (rest === "") return [];
  if (hasRemains(rest)) return [damaged(field, "At the end")];
  return [
    broken("pem-end", {
      field,
      message:
        `There ${rest.trim() === "" ? "are blank lines or spaces" : "is text"} after the last block: Linkerd takes it for one more ` +
        `certificate and fails with "not a PEM certificate".`,
      fix: rewrite(field),
    }),
  ];
}

function damaged(field: string, where: string): Finding {
  return broken("pem-damaged", {
    field,
    message: `${where} is a BEGIN or an END line whose block cannot be read: one of the two or its base64 text is damaged, or it does not begin at the start of a line.`,
    fix: "Get the certificate anew from where it was issued, and copy it whole, from BEGIN to END.",
  });
}

function wrongType(field: string, { type, line }: PemBlock, following: number): Finding {
  if (type.endsWith("PRIVATE KEY")) {
    return broken("pem-private-key", {
      field,
      message: `There is a private key at line ${line}: certificates are published, and a key among them with them.`,
      fix: "Remove it, and replace the key if this text was ever applied to a cluster or shown to others.",
    });
  }
  return broken("pem-type", {
    field,
    message: `The block at line ${line} is a ${quoted(type)}, not a CERTIFICATE: Linkerd stops reading there, ${following} blocks before the end.`,
    fix: "Remove it.",
  });
}

function noCertificate(field: string, text: string): Finding {
  const der = text.startsWith("0");
  return broken("pem-certificate", {
    field,
    message: `It holds no certificate in PEM${der ? "; it may be one in DER" : text.trim() === "" ? ": it is empty" : ""}.`,
    fix: der
      ? "Convert it: openssl x509 -inform der -in FILE -out FILE.pem"
      : "Give a text with BEGIN CERTIFICATE and END CERTIFICATE lines, encoded as ASCII or UTF-8 without a byte order mark.",
  });
}

function checkDuplicates(field: string, members: readonly Member[]): Finding[] {
  const seen = new Map<string, number>();
  return members.flatMap(({ place, certificate: { x509 } }) => {
    const first = seen.get(x509.fingerprint256);
    if (first === undefined) {
      seen.set(x509.fingerprint256, place);
      return [];
    }
    return broken("pem-duplicate", {
      field,
      message: `Certificate ${place} is certificate ${first} again.`,
      fix: "Remove one of them.",
    });
  });
}
