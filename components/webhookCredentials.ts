import * as pulumi from "@pulumi/pulumi";
import { webhookAuthorityLifetimes } from "../rules/lifetimes/webhookCertificates.ts";
import { type Webhook, webhookAuthorityName, webhookServerName } from "../rules/linkerdNames.ts";
import { Certificate, Issuer } from "./objects/certManager.ts";
import type { ResolvedSettings } from "./rotatingLinkerdArgs.ts";

const authoritySecretName = `${webhookAuthorityName}-tls`;

/**
 * If the chart has made a Secret until now, Helm would delete it under the running webhook; and if the chart is to
 * make it again, Helm would take it for its own and write into it, with cert-manager writing there as well and a
 * caBundle that fits one of them. So Helm keeps it, and finds no release's name on it: then it refuses to take it over.
 */
const notOfHelm = { "helm.sh/resource-policy": "keep", "meta.helm.sh/release-name": "" };

export interface WebhookCredentialsArgs
  extends Pick<ResolvedSettings["webhooks"], "certificateDuration" | "certificateRenewBefore"> {
  readonly namespace: pulumi.Input<string>;
  readonly webhooks: readonly Webhook[];
}

/** Values that make Linkerd's chart take one webhook's credentials from cert-manager. */
export interface InjectedWebhookValues {
  /** The chart makes no Secret. */
  readonly externalSecret: true;
  /** The Certificate, `<namespace>/<name>`, whose Secret's `ca.crt` cert-manager's cainjector makes the caBundle. */
  readonly injectCaFrom: pulumi.Output<string>;
}

/**
 * Serving certificates of webhooks, which cert-manager renews.
 *
 * Creates, in the webhooks' namespace, a CA of their own – a self-signed Issuer, a CA Certificate and its Issuer – and one
 * Certificate for each webhook, and waits until all are Ready. The mesh's trust anchor has no part in it: whoever holds
 * a webhook's key is nobody in the mesh. No key passes through Pulumi.
 *
 * The API server's caBundle and the certificate that a webhook serves must agree at every moment, and they change apart
 * from each other: cainjector writes the one, the kubelet delivers the other. They agree because the CA always keeps its key
 * and its name, so that whatever it signed verifies against each of its certificates, older or newer; and
 * because it is renewed five years before its end, long before a certificate below it could outlive it. cert-manager
 * does not sign the Certificates again when their CA is renewed; each takes the new one with its own next renewal.
 */
export class WebhookCredentials extends pulumi.ComponentResource {
  /** Values of Linkerd's chart for each webhook, by its key; known when the Certificates are Ready. */
  readonly values: Readonly<Record<string, InjectedWebhookValues>>;

  constructor(name: string, args: WebhookCredentialsArgs, opts?: pulumi.ComponentResourceOptions) {
    super("linkerd-rotating-tls:index:WebhookCredentials", name, {}, opts);
    const { namespace } = args;
    const child = { parent: this };
    const selfSigned = new Issuer(
      `${name}-self-signed`,
      { name: `${webhookAuthorityName}-self-signed`, namespace },
      { selfSigned: {} },
      { ...child, dependsOn: opts?.dependsOn ?? [] },
    );
    const authority = new Certificate(
      `${name}-authority`,
      { name: webhookAuthorityName, namespace },
      {
        secretName: authoritySecretName,
        ...webhookAuthorityLifetimes,
        issuerRef: selfSigned.reference,
        commonName: pulumi.interpolate`webhooks.${namespace}.svc`,
        isCA: true,
        // A new key would part the caBundle from what the webhooks serve, until every one of them is renewed.
        privateKey: { algorithm: "ECDSA", size: 256, rotationPolicy: "Never" },
        usages: ["cert sign", "crl sign"],
      },
      child,
    );
    const issuer = new Issuer(
      `${name}-authority`,
      { name: webhookAuthorityName, namespace },
      // By way of the Certificate, so that the Issuer is made once the Secret is filled.
      { ca: { secretName: authority.metadata.name.apply(() => authoritySecretName) } },
      child,
    );

    this.values = Object.fromEntries(
      args.webhooks.map(({ valuesKey, serviceName, secretName }) => {
        const serverName = pulumi.output(namespace).apply((known) => webhookServerName(serviceName, known));
        const certificate = new Certificate(
          `${name}-${serviceName}`,
          { name: serviceName, namespace },
          {
            secretName,
            duration: args.certificateDuration,
            renewBefore: args.certificateRenewBefore,
            issuerRef: issuer.reference,
            commonName: serverName,
            dnsNames: [serverName],
            isCA: false,
            // Linkerd's policy controller reads its key in PKCS #8 alone; the others read every encoding.
            privateKey: { algorithm: "ECDSA", size: 256, rotationPolicy: "Always", encoding: "PKCS8" },
            usages: ["server auth"],
            secretTemplate: { annotations: notOfHelm },
          },
          child,
        );
        const injectCaFrom = pulumi.interpolate`${certificate.metadata.namespace}/${certificate.metadata.name}`;
        return [valuesKey, { externalSecret: true, injectCaFrom }];
      }),
    );
    this.registerOutputs({});
  }
}
