/** The rules about how long certificates last, and when they are renewed. */
import type { Rule } from "../finding.ts";
import { durationSyntax } from "./duration.ts";

const certManagerTypes = "cert-manager pkg/apis/certmanager/v1/types_certificate.go";

const rotation =
  "npm run -s rotate -- plan says what comes first; without that command, the next generation joins trustAnchor.generations and signs, and the old one leaves once every meshed pod has been restarted (docs/rotation.md).";

export const lifetimeRules = {
  "duration-syntax": {
    demand: "A duration is written as Go writes it, such as 48h or 59m30s.",
    fix: durationSyntax,
    source: "Go time.ParseDuration, with which cert-manager and Linkerd read durations",
  },
  "duration-minimum": {
    demand: "A certificate lasts at least 1h.",
    fix: "Set its duration to 1h or more.",
    source: `${certManagerTypes} MinimumCertificateDuration`,
  },
  "renew-before-minimum": {
    demand: "A certificate is renewed at least 5m before it expires.",
    fix: "Set its renewal time to 5m or more.",
    source: `${certManagerTypes} MinimumRenewBefore`,
  },
  "renew-before-duration": {
    demand: "A certificate's renewal time is shorter than its duration.",
    fix: "Make the renewal time shorter, or the duration longer.",
    source: "cert-manager internal/apis/certmanager/validation/certificate.go ValidateDuration",
  },
  "renew-before-leaves": {
    demand: "The issuer is renewed while it still outlives the proxy certificates that it signs.",
    fix: "Make identityIssuer.renewBefore longer, or identityIssuer.issuanceLifetime shorter.",
    source: "linkerd2 pkg/tls/ca.go limits leaves to the issuer's end",
  },
  "retries-in-time": {
    severity: "warning",
    demand:
      "A renewal that fails is tried again in time: twice at least, and in the last hour before the certificate's end.",
    fix: "Make its renewal time longer, or let cert-manager try every hour.",
    source:
      "cert-manager pkg/controller/certificates/trigger shouldBackoffReissuingOnFailure waits 1h, 2h, 4h, … 32h",
  },
  "webhook-outlives-authority": {
    demand: "A webhook's certificate lasts no longer than the CA that signs it.",
    fix: "Make the webhook certificates' duration shorter: 24h is the default.",
    source: "Go crypto/x509 Verify, with which the API server verifies webhooks",
  },
  "issuance-lifetime": {
    demand: "A proxy's certificate lasts longer than zero.",
    fix: "Set identityIssuer.issuanceLifetime to 24h, Linkerd's default, or to another time longer than zero.",
    source: "linkerd2 pkg/tls/ca.go",
  },
  "anchor-validity": {
    demand: "A trust anchor's validity is a whole number of hours, at most 292 years.",
    fix: "Set trustAnchor.validityPeriodHours to 87600 (ten years), or to another such number.",
    source: "the tls provider counts a validity in Go's time.Duration, which overflows silently",
  },
  "anchor-ends": {
    severity: "warning",
    demand: "More than half a year (trustAnchor.warnBefore) is left of a trust anchor, or half of its life.",
    fix: `Plan its rotation: ${rotation}`,
    source: "this program: a rotation takes until every pod of the mesh has been restarted once",
  },
  "anchor-ends-soon": {
    severity: "warning",
    demand: "At least 60 days are left of a trust anchor.",
    fix: `Rotate it now: ${rotation} One that is to live shorter: trustAnchor.warnBefore, --warn-before.`,
    source:
      "linkerd check: trust anchors are valid for at least 60 days (linkerd2 pkg/issuercerts/issuercerts.go)",
  },
  "anchor-renewal": {
    demand: "cert-manager does not replace a trust anchor before people have rotated it.",
    fix: "Make trustAnchor.duration long and trustAnchor.renewBefore short, such as 87600h and 168h, and rotate the anchor yourself before that time.",
    source:
      "linkerd2 controller/cmd/identity/main.go reads the anchors once, at its start; linkerd check warns of an anchor 60 days before its end",
  },
  "anchor-renewal-off": {
    severity: "warning",
    demand: "trustAnchor.renewBefore is set only where cert-manager renews the anchor by itself.",
    fix: "Remove it, and rotate the anchor yourself before its end.",
    source: "cert-manager pkg/util/pki RenewalTime: with spec.renewal.policy Disabled there is none",
  },
} as const satisfies Readonly<Record<string, Rule>>;
