/**
 * Bad changes of a stack, by the rule of the policy pack that refuses each, and the words in which it does; `…` stands for
 * what differs from case to case. Tests make every one of them, so that docs/guardrails.md says nothing that none has seen.
 */
import type { GuardrailName } from "../policy/guardrails.ts";
import type { Refusal } from "./rotationRefusals.ts";

export const badChanges = {
  "anchor-protected": {
    unprotected: {
      does: "`protectTrustAnchors: false`",
      words:
        "Generation 1 of the trust anchor is what the mesh lives on, and Pulumi may delete or replace Issuer …, PrivateKey …, RandomId …, Secret …, SelfSignedCert linkerd-trust-anchor-certificate.",
    },
    unprotectedKey: {
      does: "A transform takes the protection from the anchor's key alone",
      words: "Pulumi may delete or replace PrivateKey linkerd-trust-anchor-key.",
    },
    unprotectedVoucher: {
      does: "The generation that vouches is not protected, while the next one signs by its word",
      words: "Generation 1 of the trust anchor is what the mesh lives on",
    },
    unprotectedBelowOthers: {
      does: "`protectTrustAnchors: false` where someone else signs",
      words: "Generation 1 of the trust anchor is what the mesh lives on",
    },
    unprotectedOnCluster: {
      does: "`protectTrustAnchors: false` where the cluster keeps the anchor",
      words:
        "The trust anchor is what the mesh lives on, and Pulumi may delete or replace Bundle …, Certificate …, Issuer …, Secret",
    },
  },
  "anchor-made-once": {
    keyMadeAnew: {
      does: "The key that signs is made anew: `pulumi up --replace`, with `--ignore-protect`",
      words:
        "Generation 1 of the trust anchor signs by Issuer … already, and its private key would be made anew",
    },
    otherRoot: {
      does: "Another root is given under the number of one that signs, whose protection has been lifted",
      words: "and its identifier would be made anew: another anchor under the same name",
    },
  },
  "anchor-secret-stays": {
    notMutable: {
      does: "A provider without `enableSecretMutable`",
      words: "a change would delete the anchor's Secret and make it again",
    },
  },
  "private-key-place": {
    keyInValues: {
      does: "An issuer's key among the chart's values",
      words:
        "values.identity.issuer.tls.keyPEM of kubernetes:helm.sh/v3:Release linkerd-control-plane holds a private key.",
    },
    keyInConfigMap: {
      does: "A ConfigMap with a private key",
      words: "data.anchor.pem of kubernetes:core/v1:ConfigMap copy holds a private key.",
    },
    keyInBase64: {
      does: "The same in base64",
      words: "binaryData.anchor of kubernetes:core/v1:ConfigMap copy holds a private key.",
    },
  },
  "anchor-key-place": {
    keyAsOutput: {
      does: "The stack exports a private key",
      words: "anchorKey of pulumi:pulumi:Stack … holds a private key.",
    },
    keyCopied: {
      does: "A second Secret with the anchor's key",
      words: "kubernetes:core/v1:Secret backup/copy gets the private key of generation 1 of the trust anchor",
    },
    keyHandedOn: {
      does: "The same, before the key is made",
      words: "kubernetes:core/v1:Secret backup/copy gets the private key of generation 1 of the trust anchor",
    },
  },
  "tls-secret-place": {
    issuerWritten: {
      does: "The stack writes the identity issuer's Secret, beside cert-manager",
      words:
        "Secret linkerd/linkerd-identity-issuer is cert-manager's to write, for Certificate linkerd/linkerd-identity-issuer",
    },
    anchorElsewhere: {
      does: "A Secret that is called like the anchor's, in another namespace",
      words:
        "Secret shop/linkerd-trust-anchor is called like the mesh's own, which belongs in namespace linkerd.",
    },
  },
  "certificate-key": {
    notSaid: {
      does: "A Certificate without `rotationPolicy`",
      words: "does not say whether its key changes (spec.privateKey.rotationPolicy is not set).",
    },
    keptForEver: {
      does: "The identity issuer with `rotationPolicy: Never`",
      words: "Certificate linkerd/linkerd-identity-issuer keeps its key for ever",
    },
    anchorsKeyKept: {
      does: "The same, of an anchor that the cluster keeps",
      words: "Certificate cert-manager/linkerd-trust-anchor keeps its key for ever",
    },
  },
  lifetimes: {
    renewedLate: {
      does: "The identity issuer is renewed when less is left of it than a proxy's certificate lives",
      words: "identityIssuer.renewBefore: 10h is not longer than identityIssuer.issuanceLifetime (24h)",
    },
    leavesOutlive: {
      does: "Proxies' certificates live longer than what is left of the identity issuer",
      words: "identityIssuer.renewBefore: 25h is not longer than identityIssuer.issuanceLifetime (48h)",
    },
    anchorEnds: {
      does: "The anchor ends before what is below it",
      words: "the anchor would expire before the first certificates below it.",
    },
    anchorShort: {
      does: "The anchor lives for less than a year (`anchorAtLeast`)",
      words: "The trust anchor lives 2000h, less than 8760h",
    },
    issuerLong: {
      does: "The identity issuer lives for more than a month (`issuerAtMost`)",
      words: "The identity issuer lives 2000h, more than 720h",
    },
    switchedByItself: {
      does: "cert-manager switches to another root by itself, after 60 days",
      words: "cert-manager would switch to a new root by itself 60 days after it has made this one.",
    },
  },
  bundle: {
    signerLeftOut: {
      does: "The bundle lacks the anchor that signs",
      words: "Generation 1 of the trust anchor signs the identity issuer, and is not in the bundle",
    },
    voucherLeftOut: {
      does: "An anchor leaves the bundle while it vouches: the rotation is not finished",
      words: "Generation 1 of the trust anchor vouches for generation 2, and is not in the bundle",
    },
    nextLeftOut: {
      does: "The next anchor is listed, and does not join the bundle",
      words: "Generation 2 of the trust anchor is to sign next, and is not in the bundle",
    },
    listedLeftOut: {
      does: "A listed anchor is not in the bundle, where someone else signs",
      words: "Generation 2 of the trust anchor is listed, and is not in the bundle",
    },
    strangerAdded: {
      does: "Someone else's root joins the bundle",
      words: '"company" is in the bundle …, and is no generation of this stack',
    },
    damaged: {
      does: "The bundle has something else in it",
      words: "identityTrustAnchorsPEM: There is text after the last block",
    },
  },
  signer: {
    swapped: {
      does: "The only anchor is replaced by the next one: `[1]` becomes `[2]`",
      words: "Generation 2 is to sign, is made in this run, and no generation vouches for it",
    },
    signsAtOnce: {
      does: "The next one joins and signs at once, with `crossSignTrustAnchors: false`",
      words: "Generation 2 is to sign, is made in this run, and no generation vouches for it",
    },
    strangersWord: {
      does: "The cross certificate is a stranger's",
      words: "by a cross certificate, …, that leads to no older generation of this stack",
    },
    unlisted: {
      does: "An anchor signs that is not listed",
      words:
        "Issuer linkerd-trust-anchor-3 is to sign the identity issuer, and is none of this stack's anchors",
    },
  },
  "cross-certificate-end": {
    outlivesRoot: {
      does: "A cross certificate lasts longer than the root that signs it",
      words: "and generation 1, which signs it, ends at …: nobody accepts it after that.",
    },
    givenOutlivesRoot: {
      does: "The same, of one that is given",
      words:
        "The cross certificate of generation 2 would last until …, and generation 1, which signs it, ends at",
    },
    endsEarly: {
      does: "A cross certificate ends before the issuer below it",
      words: "Generation 1 vouches for generation 2 until …, and an issuer that is issued now ends at",
    },
  },
  "chart-credentials": {
    chartsOwn: {
      does: "`rotateWebhookCredentials: false`",
      words:
        "proxyInjector.externalSecret, … is not true: the chart makes that webhook's certificate itself.",
    },
    vizOwn: {
      does: "The same with viz",
      words: "tap.externalSecret, tapInjector.externalSecret of release linkerd-viz/linkerd-viz is not true",
    },
    given: {
      does: "A webhook's certificate among the values",
      words:
        "proxyInjector.crtPEM of release linkerd/linkerd-control-plane is set: a certificate that nothing renews.",
    },
    issuerByChart: {
      does: "The chart makes the identity issuer's Secret",
      words: 'identity.issuer.scheme of release linkerd/linkerd-control-plane is "linkerd.io/tls"',
    },
  },
  "webhook-authority": {
    noAuthority: {
      does: "A webhook without `injectCaFrom`",
      words: "Nothing gives the API server the CA of profileValidator",
    },
  },
  "chart-version": {
    range: {
      does: "A range as a chart's version",
      words: 'controlPlane.chartVersion: "^2026.8.0" is not an exact version',
    },
    noVersion: { does: "No version at all", words: 'controlPlane.chartVersion: "" is not an exact version' },
  },
  "namespace-labels": {
    webhooksOn: {
      does: "Linkerd's namespace loses the label that keeps the webhooks away from it",
      words: "Namespace linkerd has no label config.linkerd.io/admission-webhooks",
    },
    certManagersWebhooksOn: {
      does: "The same, of cert-manager's namespace",
      words: "Namespace cert-manager has no label config.linkerd.io/admission-webhooks",
    },
    injected: {
      does: "Linkerd's namespace is injected",
      words: "Namespace linkerd has linkerd.io/inject=enabled; Linkerd demands linkerd.io/inject=disabled.",
    },
    restricted: {
      does: "A pod-security level that Linkerd's pods do not keep",
      words:
        "pod-security.kubernetes.io/enforce=restricted; Linkerd demands pod-security.kubernetes.io/enforce=privileged.",
    },
  },
} as const satisfies Readonly<Record<GuardrailName, Readonly<Record<string, Refusal>>>>;
