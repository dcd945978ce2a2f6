/** The syntax of the names that end up in Kubernetes objects and in certificates. */
import type { Finding } from "./finding.ts";
import { broken } from "./rules.ts";

const label = "[a-z0-9]([-a-z0-9]*[a-z0-9])?";
const namespacePattern = new RegExp(`^${label}$`);
const domainPattern = new RegExp(`^${label}(\\.${label})*$`);

/** X.520's upper bound, which cert-manager's webhook enforces. */
const longestCommonName = 64;

/** A namespace's name is a DNS label (RFC 1123). */
export function* checkNamespaceName(field: string, name: string): Iterable<Finding> {
  if (name === "default" || name.startsWith("kube-")) {
    yield broken("reserved-namespace", {
      field,
      message: `"${name}" is a namespace of Kubernetes' own, or everyone's: it cannot be labelled, or deleted, for this alone.`,
    });
  }
  if (name.length <= 63 && namespacePattern.test(name)) return;
  yield broken("namespace-name", {
    field,
    message: `"${name}" is not the name of a namespace: lower-case letters, digits and inner hyphens, at most 63.`,
  });
}

/** A trust or cluster domain is a DNS name in lower case (RFC 1123), without a dot at its end. */
export function* checkDomain(field: string, domain: string): Iterable<Finding> {
  if (domain.length <= 253 && domainPattern.test(domain)) return;
  yield broken("domain-syntax", {
    field,
    message: `"${domain}" is not a domain: lower-case labels of letters, digits and inner hyphens, joined by dots.`,
  });
}

/** A certificate's common name must fit into its field. */
export function* checkCommonName(field: string, commonName: string): Iterable<Finding> {
  if (commonName.length <= longestCommonName) return;
  yield broken("common-name-length", {
    field,
    message: `The common name made from it, ${commonName}, has ${commonName.length} characters; a certificate allows at most ${longestCommonName}.`,
  });
}
