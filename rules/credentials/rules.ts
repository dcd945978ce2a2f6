/** The rules about certificates and keys. */
import type { Rule } from "../finding.ts";

const decode = "linkerd2 pkg/tls/codec.go";
const identity = "linkerd2 pkg/identity/service.go";
const linkerdCheck = "linkerd2 pkg/issuercerts/issuercerts.go";
const verification = "Go crypto/x509 Verify, with which Linkerd's identity controller loads its issuer";
const fatalInCheck = "linkerd check fails with it, and linkerd install and upgrade refuse it.";
const otherAnchor = "it accepts a bundle if another of its anchors is fit";
const rewrite =
  "Rewrite it with nothing but its certificates: openssl crl2pkcs7 -nocrl -certfile FILE | openssl pkcs7 -print_certs | sed -n '/^-----BEGIN/,/^-----END/p'";
const makeP256 =
  "Make a P-256 key, and a certificate for it: openssl ecparam -name prime256v1 -genkey -noout";
const bothPurposes = "Issue it again without an extended key usage, or with both serverAuth and clientAuth.";

/** Rules about what Linkerd's identity controller is given. */
export const credentialRules = {
  "file-readable": {
    demand: "A file that a setting or an option names can be read.",
    fix: "Name a file that exists and that you may read.",
    source: "npm run check",
  },
  "file-size": {
    demand: "Each text fits into a ConfigMap or a Secret.",
    fix: "Keep only the certificates that the mesh needs: one or two trust anchors, one issuer.",
    source: "Kubernetes: a ConfigMap or Secret holds at most 1 MiB",
  },
  "pem-certificate": {
    demand: "A bundle or an issuer has at least one certificate in PEM.",
    fix: "Give a text with BEGIN CERTIFICATE and END CERTIFICATE lines, encoded as ASCII or UTF-8 without a byte order mark.",
    source: decode,
  },
  "pem-damaged": {
    demand: "Every BEGIN and END line belongs to a block that can be read.",
    fix: "Copy the certificate or key again from where it was made, all of it from BEGIN to END.",
    source: decode,
    stricter:
      "it silently skips a damaged block if a sound one follows; Go before 1.26 and OpenSSL skip others.",
  },
  "pem-end": {
    demand: "Nothing but one line end follows the last certificate.",
    fix: rewrite,
    source: `${decode}; linkerd2#3414`,
  },
  "pem-text": {
    severity: "warning",
    demand: "No text or blank line precedes a certificate.",
    fix: rewrite,
    source: decode,
    stricter:
      "the hash with which meshed pods are compared covers every byte, and other readers of PEM differ here.",
  },
  "pem-line-ends": {
    severity: "warning",
    demand: "Lines end with LF.",
    fix: "Convert it: dos2unix FILE, or sed -i 's/\\r$//' FILE",
    source: decode,
    stricter: "the hash with which meshed pods are compared covers every byte.",
  },
  "pem-private-key": {
    demand: "There is no private key among certificates.",
    fix: "Remove it, and replace the key if this text was ever applied to a cluster or shown to others.",
    source: "Linkerd puts trust anchors into a ConfigMap and sends issuers to every proxy",
    stricter: "it skips the key and everything after it.",
  },
  "pem-type": {
    demand: "Every block is a CERTIFICATE.",
    fix: "Remove the block.",
    source: decode,
    stricter: "it silently ignores the block and every certificate after it.",
  },
  "pem-headers": {
    demand: "A certificate has no PEM headers.",
    fix: "Remove the lines between BEGIN and the base64 text.",
    source: decode,
    stricter: "it ignores headers; Linkerd's proxies and Go's own certificate pools do not.",
  },
  "pem-duplicate": {
    severity: "warning",
    demand: "Each certificate appears once.",
    fix: "Remove one of the two.",
    source: decode,
    stricter: "a duplicate adds nothing but size.",
  },
  "pem-blank-lines": {
    demand: "There are no blank lines within a certificate.",
    fix: rewrite,
    source: "RFC 7468, section 3",
    stricter: "it reads over blank lines inside a block; OpenSSL does not.",
  },
  "certificate-readable": {
    demand: "Every certificate is an X.509 certificate in DER that Go can parse.",
    fix: "Get it again from where it was issued; openssl x509 -in FILE -text shows one certificate.",
    source: `${decode}: Go crypto/x509 ParseCertificate`,
    stricter: "it reads some certificates that violate DER; other readers do not.",
  },
  "anchor-algorithm": {
    demand: "A trust anchor has a P-256, RSA 2048 or RSA 4096 key.",
    fix: makeP256,
    source: linkerdCheck,
    stricter: fatalInCheck,
  },
  "issuer-algorithm": {
    demand: "An identity issuer has a P-256 key.",
    fix: makeP256,
    source: `${linkerdCheck}; linkerd2 pkg/tls/ca.go signs with ECDSA-SHA256 only`,
    stricter:
      "an RSA issuer loads and then fails at every signature; another curve works, but linkerd check fails.",
  },
  "intermediate-algorithm": {
    demand: "An intermediate has a P-256, RSA 2048 or RSA 4096 key.",
    fix: makeP256,
    source: linkerdCheck,
    stricter: "it checks only the first and the last certificate of the chain; proxies check all.",
  },
  "signature-algorithm": {
    demand: "Every authority is signed with ECDSA-SHA256 or SHA256-RSA, and so not with RSASSA-PSS.",
    fix: "Issue it again with SHA-256, by an authority with a P-256 or an RSA key; with an RSA key, by PKCS #1 v1.5, not by RSASSA-PSS.",
    source: `${linkerdCheck}; linkerd2-proxy linkerd/meshtls/src/backend/aws_lc.rs SUPPORTED_SIG_ALGS has no RSASSA-PSS`,
    stricter: `${fatalInCheck} No proxy verifies RSASSA-PSS, though it does.`,
  },
  "is-ca": {
    demand: "Every authority is marked as one (CA:TRUE).",
    fix: "Issue it again with basicConstraints=critical,CA:TRUE (isCA: true in cert-manager, pki/root/sign-intermediate in Vault).",
    source: `${identity}; ${verification}`,
    stricter: `${otherAnchor}, and a root of X.509 version 1, which cannot say what it is.`,
  },
  "key-usage": {
    demand: "An authority's key usage, if it has one, includes signing certificates.",
    fix: "Issue it again with keyUsage=critical,keyCertSign,cRLSign (usages: [cert sign, crl sign] in cert-manager).",
    source: verification,
    stricter: "it loads an issuer whose key may not sign certificates, and the leaves below it are invalid.",
  },
  "extended-key-usage": {
    demand: "An authority's extended key usage, if it has one, includes server authentication.",
    fix: bothPurposes,
    source: verification,
    stricter: `${otherAnchor}.`,
  },
  "extended-key-usage-client": {
    demand: "An authority's extended key usage, if it has one, names server and client authentication.",
    fix: bothPurposes,
    source:
      "rustls-webpki, with which Linkerd's proxies verify each other as clients; OpenSSL applies it to anchors, too",
    stricter: "it verifies for servers only.",
  },
  constraints: {
    demand: "An authority has no extension that may exclude the mesh's names.",
    fix: "Issue it again without this extension, or use another authority for the mesh.",
    source: verification,
    stricter: "it accepts constraints that allow the mesh's names; they are not evaluated here.",
  },
  "path-length": {
    demand: "An authority's path length leaves room for the authorities below it.",
    fix: "Issue it again without a path length, or with a greater one.",
    source: "RFC 5280, section 4.2.1.9",
    stricter: "the issuer loads, and every leaf below it is invalid.",
  },
  "subject-name": {
    demand: "Every authority has a subject.",
    fix: "Issue it again with a subject, such as CN=identity.linkerd.<trust domain>.",
    source: "RFC 5280, section 4.1.2.6",
    stricter: "it issues, and OpenSSL takes certificates below an unnamed issuer for self-signed ones.",
  },
  "distinct-anchors": {
    demand: "Trust anchors with different keys have different subjects, or key identifiers.",
    fix: "Give each generation of the trust anchor a subject of its own, or issue both anchors with a subject key identifier and the issuer with an authority key identifier.",
    source: "RFC 5280, section 4.1.2.6",
    stricter: "OpenSSL picks one of the anchors, and rejects what the other signed.",
  },
  "distinct-issuer": {
    demand:
      "The issuer, what follows it and the trust anchors have different subjects; a cross certificate shares its root's, and its key.",
    fix: "Give each authority a subject of its own: identity.linkerd.<trust domain> below root.linkerd.<trust domain>.",
    source: "RFC 5280, section 4.1.2.6; linkerd2#5350",
    stricter: "it issues, and OpenSSL refuses the leaves.",
  },
  chain: {
    demand:
      "The issuer leads to a trust anchor of the bundle, directly or through the intermediates after it.",
    fix: "Add the anchor that signed the issuer to the bundle, or have an anchor of the bundle sign the issuer.",
    source: verification,
  },
  "chain-key-identifiers": {
    demand: "What a certificate says about the one that signed it is true.",
    fix: "Have the authority sign it again with its current certificate.",
    source: "RFC 5280, section 4.2.1.1",
    stricter: "OpenSSL does not chain certificates whose identifiers differ.",
  },
  "chain-dead-end": {
    demand:
      "From the issuer, the first certificate that fits the one before it leads to a trust anchor, step by step.",
    fix: "Put a cross certificate before any other of its subject, with its root's key identifier, and leave out roots and whatever leads to no trust anchor.",
    source: "OpenSSL crypto/x509/x509_vfy.c build_chain",
    stricter: "it tries every way, and so do Linkerd's proxies; OpenSSL and BoringSSL do not.",
  },
  "chain-order": {
    severity: "warning",
    demand: "Each certificate of the issuer's chain is followed by the one that signed it.",
    fix: "Put the issuer first, then what signed it, and so on; remove what is not on the way to an anchor.",
    source: "RFC 5246, section 7.4.2",
    stricter:
      "it takes the certificates after the issuer in any order, and sends all of them to every proxy.",
  },
  "not-yet-valid": {
    demand: "Every certificate is valid already.",
    fix: "Wait, or issue it again after checking the clock of the machine that issued it.",
    source: linkerdCheck,
    stricter: fatalInCheck,
  },
  expired: {
    demand: "No certificate has expired.",
    fix: "Remove an anchor from the bundle once a valid one signs the issuer. Issue an issuer again: npm run -s renew.",
    source: linkerdCheck,
    stricter: "an expired member of a bundle does no harm beside a valid one, but linkerd check fails.",
  },
  "anchor-outlives-issuer": {
    demand: "A trust anchor outlives the last proxy certificate that the issuer below it can sign.",
    fix: "Use an anchor that lasts longer, usually years, or an issuer that expires sooner.",
    source: "linkerd2 pkg/tls/ca.go limits leaves to the issuer's end, not to the anchor's",
    stricter: "it issues leaves that outlive their anchor.",
  },
  "issuer-outlives-leaves": {
    severity: "warning",
    demand: "The issuer outlives a proxy certificate that it signs now.",
    fix: "Renew the issuer earlier: more than an issuance lifetime and the clock skew before its end.",
    source: "linkerd2 pkg/tls/ca.go",
    stricter: "it issues leaves that are shorter than they should be.",
  },
  "chain-outlives-issuer": {
    demand: "Every certificate that follows the issuer outlives it.",
    fix: "Issue it again, or end the rotation that it is for: once every pod trusts the new root, nothing has to follow the issuer.",
    source: "linkerd2 pkg/tls/ca.go limits leaves to the earliest end of the issuer's whole text",
    stricter: "it issues leaves that end with it, and after its end leaves that have ended.",
  },
  "cross-certificate-ends": {
    severity: "warning",
    demand:
      "More than half a year (trustAnchor.warnBefore) is left of a cross certificate, or half of its life.",
    fix: "End the rotation before: once every pod trusts the new root, take the cross certificate out of the chain, and renew the issuer.",
    source: "linkerd2 pkg/tls/ca.go limits leaves to the earliest end of the issuer's whole text",
    stricter: "a rotation that is left standing stops the whole mesh on that day.",
  },
  "trust-domain": {
    severity: "warning",
    demand:
      "The issuer is named after the mesh's trust domain, and so is an anchor with a name of Linkerd's.",
    fix: "Use the credentials of this mesh, or give its trust domain.",
    source: "linkerd2 up to 2.9.0 pkg/identity/service.go, and Linkerd's documentation",
    stricter: "newer versions do not look at an issuer's name.",
  },
  "key-readable": {
    demand: "The key is the first block of its text, in SEC 1, PKCS #8 or PKCS #1 as Go parses it.",
    fix: "Convert it with openssl pkey -in FILE, to PKCS #8 and with -ec_param_enc named_curve, or get it again from where it was made.",
    source: `${decode} DecodePEMKey`,
    stricter: "it reads some encodings of a key that no program writes, and ignores the public half.",
  },
  "key-encrypted": {
    demand: "The key is not encrypted.",
    fix: "Decrypt it where it is kept (openssl pkey -in FILE), and pass it on only as a secret.",
    source: `${decode} DecodePEMKey`,
  },
  "key-alone": {
    severity: "warning",
    demand: "A key's text holds nothing but the key.",
    fix: "Remove the other blocks.",
    source: `${decode} DecodePEMKey`,
    stricter: "it reads the first block and ignores the rest.",
  },
  "key-match": {
    demand: "The key belongs to the certificate.",
    fix: "Give the key that the certificate was made for, or issue a certificate for this key.",
    source: "linkerd2 pkg/tls/cred.go ValidateAndCreateCreds",
  },
} as const satisfies Readonly<Record<string, Rule>>;

/** Rules about generations that vouch for each other, and a cross certificate that is given. */
export const crossCertificateRules = {
  "anchors-vouch": {
    severity: "warning",
    demand: "Proxies that still trust only an older anchor of the bundle accept the issuer.",
    fix: "Restart the pods that trust only the older anchor, and then take it out of the bundle; or have it vouch for the newer one, with a cross certificate after the issuer.",
    source: "linkerd2-proxy reads its trust anchors once, at its start",
    stricter: "it does not know which anchors the mesh's pods were started with.",
  },
  "cross-certificate-root": {
    demand: "A cross certificate has the subject, the key and the key identifier of its generation's root.",
    fix: "Make it of the root itself, all of whose extensions it keeps but one: openssl x509 -in ROOT -CA ROOT-BEFORE -CAkey KEY-BEFORE -days DAYS -extfile FILE, with authorityKeyIdentifier=keyid in FILE.",
    source: "RFC 4949, cross-certificate; OpenSSL and BoringSSL compare key identifiers",
  },
  "cross-certificate-signer": {
    demand: "A cross certificate is signed by the root of the generation before.",
    fix: "Have the root of the generation before sign it: pods that have not been restarted yet trust that one alone.",
    source: verification,
  },
} as const satisfies Readonly<Record<string, Rule>>;

/** Rules about the Secret in which Linkerd finds its issuer. */
export const storedIssuerRules = {
  "secret-keys": {
    demand: "The Secret linkerd-identity-issuer has tls.crt and tls.key.",
    fix: "Write it like a Secret of type kubernetes.io/tls, with the root's certificate in ca.crt.",
    source: "linkerd2 controller/cmd/identity/main.go reads tls.crt and tls.key; linkerd2#11972",
  },
  "secret-ca-crt": {
    severity: "warning",
    demand: "The Secret linkerd-identity-issuer has the certificate of the issuer's root in ca.crt.",
    fix: "Add it; a cert-manager issuer writes it if it knows its own root.",
    source: `${linkerdCheck} FetchExternalIssuerData`,
    stricter: "it verifies with the mesh's own bundle.",
  },
} as const satisfies Readonly<Record<string, Rule>>;
