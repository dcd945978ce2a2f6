import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import {
  clusterIssuerName,
  previousTrustAnchorName,
  rootIssuerName,
  trustAnchorCommonName,
  trustAnchorName,
  trustRootsKey,
  trustRootsName,
} from "../rules/linkerdNames.ts";
import { Certificate, Issuer, type IssuerReference } from "./objects/certManager.ts";
import { deleteAtOnce } from "./objects/deletion.ts";
import { Bundle, distributedText } from "./objects/trustManager.ts";
import type { ResolvedSettings } from "./rotatingLinkerdArgs.ts";

export interface ClusterTrustAnchorArgs
  extends Pick<ResolvedSettings, "trustDomain">,
    Pick<ResolvedSettings["trustAnchor"], "duration" | "renewBefore"> {
  /** Whether cert-manager can be told not to renew it; `renewBefore` has no effect then. */
  readonly canDisableRenewal: pulumi.Input<boolean>;
  /** cert-manager's namespace, which is trust-manager's trust namespace as well. */
  readonly certManagerNamespace: pulumi.Input<string>;
  /** Namespace of the control plane, which carries Linkerd's labels already. */
  readonly linkerdNamespace: pulumi.Input<string>;
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
 * documentation has 8760h and renewBefore 7320h: a switch 60 days after the anchor is made. Here cert-manager does not
 * switch by itself – one that cannot be told so, not before the very end (rules/lifetimes/clusterTrustAnchor.ts has the
 * inequality) – and a rotation is an operation: renew the Certificate, `pulumi up`, which restarts the control plane since the bundle is another; restart the
 * meshed pods; renew the issuer; make the previous anchor equal to the anchor.
 *
 * **The previous anchor** is at first equal to the anchor. Pulumi never writes it again: in the midst of a rotation it is
 * the root that the mesh lives on. It has no private key, and none of cert-manager's labels or annotations, since
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
  readonly issuerRef: IssuerReference;

  constructor(name: string, args: ClusterTrustAnchorArgs, opts?: pulumi.ComponentResourceOptions) {
    super("linkerd-rotating-tls:index:ClusterTrustAnchor", name, {}, opts);
    const namespace = args.certManagerNamespace;
    const child = { parent: this };
    const dependent = { ...child, dependsOn: opts?.dependsOn ?? [] };
    const selfSigned = new Issuer(
      `${name}-self-signed`,
      { name: rootIssuerName, namespace },
      { selfSigned: {} },
      dependent,
    );
    const isDisabled = pulumi.output(args.canDisableRenewal);
    const anchor = new Certificate(
      name,
      { name: trustAnchorName, namespace },
      {
        secretName: trustAnchorName,
        duration: args.duration,
        renewBefore: isDisabled.apply((disabled) => (disabled ? undefined : args.renewBefore)),
        renewal: isDisabled.apply((disabled) => (disabled ? { policy: "Disabled" } : undefined)),
        issuerRef: selfSigned.reference,
        commonName: pulumi.output(args.trustDomain).apply((domain) => trustAnchorCommonName(1, domain)),
        isCA: true,
        privateKey: { algorithm: "ECDSA", size: 256, rotationPolicy: "Always" },
        usages: ["cert sign", "crl sign"],
      },
      {
        ...child,
        // cert-manager issues again as soon as one of these changes: a new root, with nobody prepared for it.
        replaceOnChanges: ["duration", "issuerRef", "commonName", "isCA", "privateKey", "usages"].map(
          (field) => `spec.${field}`,
        ),
      },
    );
    // By way of the Certificate, so that whoever uses it waits until the Secret is filled.
    const secretName = anchor.metadata.name.apply(() => trustAnchorName);

    const own = new Bundle(
      name,
      trustAnchorName,
      {
        secrets: [secretName],
        key: "tls.crt",
        namespaceLabels: { "kubernetes.io/metadata.name": namespace },
      },
      dependent,
    );
    this.certificatePem = distributedText(name, own, namespace, this);

    const previous = new kubernetes.core.v1.Secret(
      `${name}-previous`,
      {
        metadata: { name: previousTrustAnchorName, namespace, annotations: deleteAtOnce },
        // The type of the anchor's own, which is never changed: a copy of that one over this one must not meet a different type.
        type: "kubernetes.io/tls",
        stringData: { "tls.crt": this.certificatePem, "tls.key": "" },
      },
      { ...child, ignoreChanges: ["stringData", "data"] },
    );
    const roots = new Bundle(
      `${name}-bundle`,
      trustRootsName,
      {
        secrets: [secretName, previous.metadata.name],
        key: trustRootsKey,
        namespaceLabels: { "linkerd.io/is-control-plane": "true" },
      },
      dependent,
    );
    this.bundlePem = distributedText(`${name}-bundle`, roots, args.linkerdNamespace, this);

    const issuer = new Issuer(name, { name: clusterIssuerName }, { ca: { secretName } }, child);
    this.issuerRef = issuer.reference;

    this.registerOutputs({ bundlePem: this.bundlePem });
  }
}
