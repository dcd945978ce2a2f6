/** Rules for the text of a bundle or of an issuer, before its certificates are looked at. */

import type { Finding } from "../finding.ts";
import { broken } from "../rules.ts";
import { type ParseCertificate, type ParsedCertificate, quoted } from "./certificate.ts";
import { decodePem, hasRemains, type PemBlock } from "./pem.ts";

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

/** The certificates that can be read from a text, and everything about the text that Linkerd objects to. */
export function readCertificates(
  { field, text }: PemText,
  parse: ParseCertificate,
): { members: readonly Member[]; findings: readonly Finding[] } {
  if (Buffer.byteLength(text) > longestPemBytes) return { members: [], findings: [tooLong(field)] };
  const members: Member[] = [];
  return { members, findings: [...readInto(members, { field, text }, parse)] };
}

function* readInto(members: Member[], { field, text }: PemText, parse: ParseCertificate): Iterable<Finding> {
  const { blocks, rest } = decodePem(text);
  let place = 0;

  for (const { skipped, line } of blocks) yield* checkSkipped(field, skipped, line);
  for (const [index, block] of blocks.entries()) {
    if (block.type !== "CERTIFICATE") {
      yield wrongType(field, block, blocks.length - index - 1);
      continue;
    }
    if (block.headers.length > 0) {
      yield broken("pem-headers", {
        field,
        message: `The certificate at line ${block.line} has the PEM header ${quoted(block.headers[0]!)}, which parts of a mesh reject.`,
      });
    }
    place++;
    try {
      members.push({ field, place, certificate: parse(block.content) });
    } catch (error) {
      const { message } = error as Error;
      // OpenSSL's own message is about its last attempt only.
      const reason = message.startsWith("error:") ? "it cannot be parsed" : message.replace(/\.$/, "");
      yield broken("certificate-readable", {
        field,
        message: `The block at line ${block.line} is not an X.509 certificate (${reason}), and Linkerd accepts all certificates of a text or none.`,
      });
    }
  }

  if (place === 0) yield noCertificate(field, text);
  // Linkerd reads nothing after a block of another type, and that block is a finding already.
  else if (place === blocks.length) yield* checkRest(field, rest);
  if (text.includes("\r")) {
    yield broken("pem-line-ends", {
      field,
      message: "Lines end as on Windows (CR LF); Linkerd's own end with LF.",
    });
  }
  if (/-----BEGIN CERTIFICATE-----[^-:]*\n[ \t\r]*\n[^-:]*-----END CERTIFICATE-----/.test(text)) {
    yield broken("pem-blank-lines", {
      field,
      message: "There are blank lines between BEGIN and END of a certificate, which parts of a mesh reject.",
    });
  }
  yield* checkDuplicates(field, members);
}

export function tooLong(field: string): Finding {
  return broken("file-size", {
    field,
    message: `The text is longer than ${longestPemBytes} bytes (1 MiB), the most that a ConfigMap or a Secret holds.`,
  });
}

/** Checks what stands before a block. */
export function* checkSkipped(field: string, skipped: string, line: number): Iterable<Finding> {
  if (skipped === "") return;
  if (hasRemains(skipped)) yield damaged(field, `Before line ${line}`);
  else {
    yield broken("pem-text", {
      field,
      message: `There ${skipped.trim() === "" ? "are blank lines" : "is text"} before the block at line ${line}.`,
    });
  }
}

function* checkRest(field: string, rest: string): Iterable<Finding> {
  if (rest === "") return;
  if (hasRemains(rest)) yield damaged(field, "At the end");
  else {
    yield broken("pem-end", {
      field,
      message: `There ${rest.trim() === "" ? "are blank lines or spaces" : "is text"} after the last block, which Linkerd reads as another certificate: it fails with "not a PEM certificate".`,
    });
  }
}

function damaged(field: string, where: string): Finding {
  return broken("pem-damaged", {
    field,
    message: `${where} is a BEGIN or an END line whose block cannot be read: one of the two or the base64 text is damaged, or something precedes BEGIN on its line.`,
  });
}

function wrongType(field: string, { type, line }: PemBlock, following: number): Finding {
  if (type.endsWith("PRIVATE KEY")) {
    return broken("pem-private-key", {
      field,
      message: `There is a private key at line ${line}, which would be published with the certificates.`,
    });
  }
  return broken("pem-type", {
    field,
    message: `The block at line ${line} is a ${quoted(type)}, not a CERTIFICATE: Linkerd stops reading there, ${following} blocks before the end.`,
  });
}

function noCertificate(field: string, text: string): Finding {
  if (text.startsWith("0")) {
    return broken("pem-certificate", {
      field,
      message: "The text has no certificate in PEM; it may be one in DER.",
      fix: "Convert it: openssl x509 -inform der -in FILE -out FILE.pem",
    });
  }
  const lost = lostLines(text);
  if (lost !== undefined) {
    const message = `The text has no certificate in PEM: ${lost.what}.`;
    return broken("pem-certificate", { field, message, fix: lost.fix });
  }
  const message = text.trim() === "" ? "The text is empty." : "The text has no certificate in PEM.";
  return broken("pem-certificate", { field, message });
}

/** How a text in PEM has been written so that its lines are lost, and what writes them again; nothing of it is shown. */
export function lostLines(text: string): { readonly what: string; readonly fix: string } | undefined {
  if (/-----BEGIN [A-Z0-9 ]+-----(\\r)?\\n/.test(text)) {
    const fix = "Write line ends in their place: printf '%b\\n' \"$(cat FILE)\" | tr -d '\\r' > FILE.pem";
    return { what: "its line ends are written as a backslash and an n", fix };
  }
  if (/-----BEGIN ([A-Z0-9 ]+)-----[A-Za-z0-9+/= \t]+-----END \1-----/.test(text)) {
    const fix =
      "Give BEGIN and END lines of their own: sed -E 's/ *-----(BEGIN|END) [A-Z0-9 ]+----- */\\n&\\n/g' FILE | sed -E 's/^ +| +$//g; /^$/d' > FILE.pem";
    return { what: "all of it is on one line", fix };
  }
  // As what is below `data` in a Secret, or what CI systems ask for.
  const isBase64 = /^[A-Za-z0-9+/\s]+=*\s*$/.test(text);
  if (!isBase64 || !Buffer.from(text, "base64").includes("-----BEGIN ")) return undefined;
  return { what: "it is encoded in base64 once more", fix: "Decode it: base64 -d FILE > FILE.pem" };
}

function* checkDuplicates(field: string, members: readonly Member[]): Iterable<Finding> {
  const places = new Map<string, number>();
  for (const { place, certificate } of members) {
    const { fingerprint256 } = certificate.x509;
    const first = places.get(fingerprint256);
    if (first === undefined) places.set(fingerprint256, place);
    else {
      yield broken("pem-duplicate", {
        field,
        message: `Certificate ${place} is the same as certificate ${first}.`,
      });
    }
  }
}
