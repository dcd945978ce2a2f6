import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { Certificate, ClusterIssuer, Issuer, type IssuerReference } from "./certManagerObjects.ts";
import type { IdentityIssuerSettings } from "./identityIssuer.ts";
import {
  defaultClockSkewAllowance,
  defaultIssuanceLifetime,
  defaultIssuerDuration,
} from "./identityIssuer.ts";
import { checkClusterAnchorLifetimes } from "./pki/clusterAnchorLifetimes.ts";
import { sound } from "./settings.ts";
import { commonNameOf } from "./trustAnchor.ts";
import { Bundle, distributedText } from "./trustManagerObjects.ts";

/** Ten years, as for an anchor that Pulumi makes. */
export const defaultClusterTrustAnchorDuration = "87600h";

/** A week: longer than an issuer and its leaves live, with room for a longer issuerDuration. */
export const defaultClusterTrustAnchorRenewBefore = "168h";

/** Names of Linkerd's documentation, by which its procedures and Buoyant's operator find the objects. */
export const clusterAnchorName = "linkerd-trust-anchor";
export const previousAnchorName = "linkerd-previous-anchor";
const rootIssuerName = "linkerd-trust-root-issuer";
const clusterIssuerName = "linkerd-identity-issuer";
const trustRootsName = "linkerd-identity-trust-roots";
const trustRootsKey = "ca-bundle.crt";

/** How an anchor that is kept on the cluster lives. */
export interface ClusterTrustAnchorSettings {
  /**
   * Life of the anchor, as a Go duration. Defaults to 87600h (ten years). A change would make another anchor, which
   * protection refuses.
   */
  readonly clusterTrustAnchorDuration?: pulumi.Input<string> | undefined;
  /**
   * Time before its end at which cert-manager replaces an anchor that nobody has rotated, as a Go duration. Defaults to
   * 168h; at most 720h, longer than `issuerDuration`, `issuanceLifetime` and `clockSkewAllowance` together, and at least
   * 8760h shorter than `clusterTrustAnchorDuration`.
   */
  readonly clusterTrustAnchorRenewBefore?: pulumi.Input<string> | undefined;
}

/** What a {@link ClusterTrustAnchor} is made from. */
export interface ClusterTrustAnchorArgs extends ClusterTrustAnchorSettings, IdentityIssuerSettings {
  /** cert-manager's namespace, which is trust-manager's trust namespace as well. */
  readonly certManagerNamespace: pulumi.Input<string>;
  /** Namespace of the control plane, which carries Linkerd's labels already. */
  readonly linkerdNamespace: pulumi.Input<string>;
  /** The mesh's trust domain; part of the subject. */
  readonly trustDomain: pulumi.Input<string>;
}

/**
 * The mesh's trust anchor, kept on the cluster: cert-manager makes it, trust-manager distributes its certificate, and no
 * key of it is ever in Pulumi.
 *
 * Creates, with the names and in the places of Linkerd's documentation, a self-signed Issuer and the anchor's
 * Certificate, the Secret `linkerd-previous-anchor`, the Bundle of both, and the ClusterIssuer that signs with the
 * anchor; and a Bundle of its own with the anchor's certificate alone, from which the previous anchor is taken: so
 * nothing has to read the Secret with the key.
 *
 * **Why the anchor is not renewed like the issuer.** The ClusterIssuer signs with whatever is in the Secret. When
 * cert-manager renews the anchor, with a new key, the next identity issuer is signed by a root that the running identity
 * controller has not read, since it reads its anchors at its start only: IssuerUpdateSkipped, and no more certificates
 * when the issuer before it ends. `rotationPolicy: Never` would hide that and keep one key for ever. Linkerd's
 * documentation has 8760h and renewBefore 7320h: a switch 60 days after the anchor is made. Here cert-manager may not
 * switch by itself before the very end ({@link checkClusterAnchorLifetimes} has the inequality), and a rotation is an
 * operation: renew the Certificate, `pulumi up`, which restarts the control plane since the bundle is another; restart the
 * meshed pods; renew the issuer; make the previous anchor equal to the anchor.
 *
 * **The previous anchor** is at first equal to the anchor. Pulumi never writes it again: in the midst of a rotation it is
 * the root that the mesh lives on. It has no private key, and none of cert-manager's labels or annotations, by which
 * cert-manager would take it for its own.
 *
 * Pass `protect: true`, and none of it can be deleted or replaced; a changed duration, which would be a new anchor at once, is
 * a replacement, and so refused.
 *
 * What `dependsOn` names, such as cert-manager and trust-manager, is there before everything here and goes after it. The
 * ConfigMap is there, with its bundle, when `bundlePem` is known.
 */
export class ClusterTrustAnchor extends pulumi.ComponentResource {
  /** Text of the ConfigMap `linkerd-identity-trust-roots`, as the cluster has it at each run. */
  readonly bundlePem: pulumi.Output<string>;
  /** The anchor's certificate in PEM, as the cluster has it at each run. */
  readonly certificatePem: pulumi.Output<string>;
  /** Reference to the ClusterIssuer that signs with the anchor. */
  readonly issuerRef: IssuerReference;

  constructor(name: string, args: ClusterTrustAnchorArgs, opts?: pulumi.ComponentResourceOptions) {
    super("linkerd-rotating-tls:index:ClusterTrustAnchor", name, {}, opts);
    const namespace = args.certManagerNamespace;
    const child = { parent: this };
    const dependent = { ...child, ...(opts?.dependsOn === undefined ? {} : { dependsOn: opts.dependsOn }) };
    const lifetimes = sound(
      {
        clusterTrustAnchorDuration: args.clusterTrustAnchorDuration ?? defaultClusterTrustAnchorDuration,
        clusterTrustAnchorRenewBefore:
          args.clusterTrustAnchorRenewBefore ?? defaultClusterTrustAnchorRenewBefore,
        issuerDuration: args.issuerDuration ?? defaultIssuerDuration,
        issuanceLifetime: args.issuanceLifetime ?? defaultIssuanceLifetime,
        clockSkewAllowance: args.clockSkewAllowance ?? defaultClockSkewAllowance,
      },
      checkClusterAnchorLifetimes,
    );

    const selfSigned = new Issuer(
      `${name}-self-signed`,
      { name: rootIssuerName, namespace },
      { selfSigned: {} },
      dependent,
    );
    const anchor = new Certificate(
      name,
      { name: clusterAnchorName, namespace },
      {
        secretName: clusterAnchorName,
        duration: lifetimes.clusterTrustAnchorDuration,
        renewBefore: lifetimes.clusterTrustAnchorRenewBefore,
        issuerRef: { group: "cert-manager.io", kind: "Issuer", name: selfSigned.metadata.name },
        commonName: pulumi.output(args.trustDomain).apply((domain) => commonNameOf(1, domain)),
        isCA: true,
        privateKey: { algorithm: "ECDSA", size: 256, rotationPolicy: "Always" },
        usages: ["cert sign", "crl sign"],
      },
      {
        ...child,
        // cert-manager issues anew as soon as one of these is another: a new root, with nobody prepared for it.
        replaceOnChanges: ["duration", "issuerRef", "commonName", "isCA", "privateKey", "usages"].map(
          (field) => `spec.${field}`,
        ),
      },
    );
    // By way of the Certificate, so that whoever uses it waits until the Secret is filled.
    const secretName = anchor.metadata.name.apply(() => clusterAnchorName);

    const own = new Bundle(
      name,
      clusterAnchorName,
      {
        sources: [{ secret: { name: secretName, key: "tls.crt" } }],
        target: {
          configMap: { key: "tls.crt" },
          namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": namespace } },
        },
      },
      dependent,
    );
    this.certificatePem = distributedText(name, { bundle: own, namespace, key: "tls.crt" }, this);

    const previous = new kubernetes.core.v1.Secret(
      `${name}-previous`,
      {
        metadata: { name: previousAnchorName, namespace },
        // The type of the anchor's own, which is never changed: whoever copies that one over this must not meet another.
        type: "kubernetes.io/tls",
        stringData: { "tls.crt": this.certificatePem, "tls.key": "" },
      },
      { ...child, ignoreChanges: ["stringData", "data"] },
    );
    const roots = new Bundle(
      `${name}-bundle`,
      trustRootsName,
      {
        sources: [
          { secret: { name: secretName, key: "tls.crt" } },
          { secret: { name: previous.metadata.name, key: "tls.crt" } },
        ],
        target: {
          configMap: { key: trustRootsKey },
          namespaceSelector: { matchLabels: { "linkerd.io/is-control-plane": "true" } },
        },
      },
      dependent,
    );
    this.bundlePem = distributedText(
      `${name}-bundle`,
      { bundle: roots, namespace: args.linkerdNamespace, key: trustRootsKey },
      this,
    );

    const issuer = new ClusterIssuer(name, clusterIssuerName, { ca: { secretName } }, child);
    this.issuerRef = { group: "cert-manager.io", kind: "ClusterIssuer", name: issuer.metadata.name };

    this.registerOutputs({ bundlePem: this.bundlePem });
  }
}
