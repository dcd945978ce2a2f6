/** Every rule of the policy pack, by its name, which stays the same from version to version. Without Pulumi. */
import { checkProtection, checkReplacement, checkSecretStays } from "./anchorProtection.ts";
import { checkBundle } from "./bundle.ts";
import { checkCertificateKey } from "./certificateKeys.ts";
import { checkChartCredentials, checkWebhookAuthorities } from "./chartCredentials.ts";
import { checkChartVersion } from "./chartVersions.ts";
import { checkCrossCertificates } from "./crossCertificates.ts";
import { checkLives } from "./lifetimes.ts";
import { checkNamespaces } from "./namespaceLabels.ts";
import { checkAnchorKeys, checkKeyPlaces } from "./privateKeys.ts";
import type { ResourceRule, RuleSettings, StackRule } from "./resource.ts";
import { checkSigner } from "./signer.ts";
import { checkTlsSecrets } from "./tlsSecrets.ts";

interface Described {
  /** What is demanded, as one sentence. */
  readonly demand: string;
}

/** Judges a resource, or the whole stack. */
export type Guardrail =
  | (Described & { readonly resource: ResourceRule; readonly stack?: never })
  | (Described & { readonly stack: StackRule; readonly resource?: never });

/** A rotation is a rollout over the whole mesh; and a key that is renewed every few days need not live for a month. */
export const standardSettings: RuleSettings = { anchorAtLeast: "8760h", issuerAtMost: "720h" };

export const guardrails = {
  "anchor-protected": {
    demand: "Whatever of a trust anchor signs or vouches is protected from deletion and replacement.",
    stack: checkProtection,
  },
  "anchor-made-once": {
    demand: "The private key and the name of a trust anchor that signs already are not made anew.",
    stack: checkReplacement,
  },
  "anchor-secret-stays": {
    demand: "A trust anchor's Secret is changed in place.",
    resource: checkSecretStays,
  },
  "private-key-place": {
    demand: "A private key is in the tls provider's resources and in Secrets alone.",
    resource: checkKeyPlaces,
  },
  "anchor-key-place": {
    demand:
      "A trust anchor's private key is in its provider's resources and in its own Secret, and in no output.",
    stack: checkAnchorKeys,
  },
  "tls-secret-place": {
    demand: "The mesh's own Secrets are where they belong, and cert-manager's have no other writer.",
    stack: checkTlsSecrets,
  },
  "certificate-key": {
    demand: "Every Certificate says whether its key changes, and the mesh's authorities' keys do.",
    resource: checkCertificateKey,
  },
  lifetimes: {
    demand:
      "The lives of trust anchor, identity issuer and proxies' certificates fit each other, and your bounds.",
    stack: checkLives,
  },
  bundle: {
    demand: "The trust bundle has every anchor that a rotation has not retired, and no other certificate.",
    stack: checkBundle,
  },
  signer: {
    demand:
      "Whoever signs the identity issuer is trusted by the mesh that runs, or vouched for by an anchor that is.",
    stack: checkSigner,
  },
  "cross-certificate-end": {
    demand: "A cross certificate ends no later than the root that signs it, and after the issuers below it.",
    stack: checkCrossCertificates,
  },
  "chart-credentials": {
    demand: "No chart makes credentials: cert-manager does, and renews them.",
    resource: checkChartCredentials,
  },
  "webhook-authority": {
    demand: "The API server gets the CA of each webhook.",
    stack: checkWebhookAuthorities,
  },
  "chart-version": {
    demand: "Each chart of the mesh is named in an exact version.",
    resource: checkChartVersion,
  },
  "namespace-labels": {
    demand: "The mesh's namespaces carry the labels and annotations that Linkerd demands.",
    stack: checkNamespaces,
  },
} as const satisfies Readonly<Record<string, Guardrail>>;

export type GuardrailName = keyof typeof guardrails;
