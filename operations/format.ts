/** How times, lifetimes and tables are written for people. */
import type { ParsedCertificate } from "../rules/credentials/certificate.ts";
import { describeFinding, type Finding } from "../rules/finding.ts";
import { printable } from "../rules/printable.ts";

const longestSubject = 80;

/** `2026-08-21 09:30:00Z` */
export function formatTime(time: Date): string {
  return time.toISOString().replace("T", " ").replace(/\.\d+/, "");
}

/** The two largest units of a span: `23 h 59 min`, `3649 d 4 h`, `2.4 s`. */
export function formatSpan(milliseconds: number): string {
  const seconds = Math.abs(milliseconds) / 1000;
  if (seconds < 60) return `${seconds.toFixed(seconds < 10 ? 1 : 0)} s`;
  const minutes = Math.floor(seconds / 60);
  const hours = Math.floor(minutes / 60);
  if (hours === 0) return `${minutes} min ${Math.floor(seconds % 60)} s`;
  if (hours < 48) return `${hours} h ${minutes % 60} min`;
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** What identifies a certificate, and how long it is valid: the fingerprint as OpenSSL and the stack's outputs have it. */
export function factsOf({ commonName, x509 }: ParsedCertificate) {
  return {
    subject: printable(commonName || x509.subject || "no subject", longestSubject),
    serialNumber: x509.serialNumber.toLowerCase(),
    fingerprintSha256: x509.fingerprint256,
    notBefore: x509.validFromDate,
    notAfter: x509.validToDate,
  };
}

/** The certificate's serial number, as in {@link factsOf}. */
export function serial(certificate: ParsedCertificate): string {
  return factsOf(certificate).serialNumber;
}

/** Rows under each other, every column as wide as its widest cell. */
export function formatTable(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column]!))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

/** Findings one under the other, each with its severity. */
export function formatFindings(findings: readonly Finding[]): string {
  return findings
    .map((finding) => `${finding.severity === "error" ? "Error" : "Warning"}: ${describeFinding(finding)}`)
    .join("\n");
}
