import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { vaultIssuerName } from "../rules/linkerdNames.ts";
import { Issuer, type IssuerReference } from "./objects/certManager.ts";
import { deleteAtOnce } from "./objects/deletion.ts";
import type { VaultKubernetesLogin, VaultSettings } from "./rotatingLinkerdArgs.ts";

export interface VaultIssuerArgs extends VaultSettings {
  /** The control plane's namespace: of the Issuer, and of every Secret that it names. */
  readonly linkerdNamespace: pulumi.Input<string>;
  /** Where cert-manager runs, as ServiceAccount `cert-manager`. */
  readonly certManagerNamespace: pulumi.Input<string>;
}

/**
 * A cert-manager Issuer that has Vault sign.
 *
 * Creates an Issuer, and waits until it is Ready: until cert-manager has logged in to Vault. With Kubernetes login it
 * creates a ServiceAccount as well, unless one is named, and lets cert-manager ask for that one's tokens and no other's.
 *
 * No token or secret ID passes through Pulumi.
 */
export class VaultIssuer extends pulumi.ComponentResource {
  readonly issuerRef: IssuerReference;

  constructor(name: string, args: VaultIssuerArgs, opts?: pulumi.ComponentResourceOptions) {
    super("linkerd-rotating-tls:index:VaultIssuer", name, {}, opts);
    const namespace = args.linkerdNamespace;
    const { kubernetes: login, ...byReference } = args.auth;
    const auth = login === undefined ? byReference : { kubernetes: this.#kubernetesLogin(name, args, login) };
    const issuer = new Issuer(
      name,
      { name: vaultIssuerName, namespace },
      {
        vault: {
          server: args.server,
          path: args.path,
          namespace: args.namespace,
          caBundle:
            args.caBundlePem &&
            pulumi.output(args.caBundlePem).apply((pem) => Buffer.from(pem).toString("base64")),
          auth,
        },
      },
      { parent: this, dependsOn: opts?.dependsOn ?? [] },
    );
    this.issuerRef = issuer.reference;
    this.registerOutputs({ issuerName: issuer.metadata.name });
  }

  /** cert-manager asks the API server for a token of the ServiceAccount, and needs leave to. */
  #kubernetesLogin(
    name: string,
    { linkerdNamespace, certManagerNamespace }: VaultIssuerArgs,
    { role, mountPath, serviceAccount }: VaultKubernetesLogin,
  ) {
    const metadata = { name: vaultIssuerName, namespace: linkerdNamespace, annotations: deleteAtOnce };
    const child = { parent: this };
    const account =
      serviceAccount ?? new kubernetes.core.v1.ServiceAccount(name, { metadata }, child).metadata.name;
    const tokens = new kubernetes.rbac.v1.Role(
      name,
      {
        metadata,
        rules: [
          {
            apiGroups: [""],
            resources: ["serviceaccounts/token"],
            resourceNames: [account],
            verbs: ["create"],
          },
        ],
      },
      child,
    );
    const binding = new kubernetes.rbac.v1.RoleBinding(
      name,
      {
        metadata,
        roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: tokens.metadata.name },
        subjects: [{ kind: "ServiceAccount", name: "cert-manager", namespace: certManagerNamespace }],
      },
      child,
    );
    return {
      role,
      mountPath: mountPath ?? "/v1/auth/kubernetes",
      // By way of the binding, so that the Issuer's first login is allowed already.
      serviceAccountRef: { name: pulumi.all([account, binding.id]).apply(([known]) => known) },
    };
  }
}
