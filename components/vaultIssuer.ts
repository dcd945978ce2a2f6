import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { Issuer, type IssuerReference } from "./certManagerObjects.ts";
import type { Finding } from "./pki/finding.ts";
import { decodePem } from "./pki/pem.ts";
import { broken } from "./pki/rules.ts";
import { checkParts } from "./settingParts.ts";
import { plain } from "./settings.ts";

/** Name of the Issuer, and of the ServiceAccount by which it logs in where Vault trusts the cluster. */
const vaultIssuerName = "linkerd-identity-vault";

/** One key of a Secret in the control plane's namespace. */
interface SecretKeyReference {
  readonly name: pulumi.Input<string>;
  readonly key: pulumi.Input<string>;
}

/** How cert-manager logs in to Vault: exactly one of these. Secrets are named, never given. */
export interface VaultAuthentication {
  /** By a ServiceAccount's token, which is made for each login: nothing has to be kept anywhere. */
  readonly kubernetes?:
    | {
        /** Vault's role, whose `audience` is `vault://<linkerdNamespace>/linkerd-identity-vault`. */
        readonly role: pulumi.Input<string>;
        /** Where Vault has the method, with `/v1/`. Defaults to `/v1/auth/kubernetes`. */
        readonly mountPath?: pulumi.Input<string> | undefined;
        /** A ServiceAccount of the control plane's namespace. Absent: `linkerd-identity-vault` is made. */
        readonly serviceAccount?: pulumi.Input<string> | undefined;
      }
    | undefined;
  /** By an AppRole, whose secret ID is in a Secret. */
  readonly appRole?:
    | {
        /** Where Vault has the method, such as `approle`. */
        readonly path: pulumi.Input<string>;
        readonly roleId: pulumi.Input<string>;
        readonly secretRef: SecretKeyReference;
      }
    | undefined;
  /** By a token in a Secret, which nobody renews. */
  readonly tokenSecretRef?: SecretKeyReference | undefined;
}

/** Which Vault signs, and how to reach it. */
export interface VaultIssuerSettings {
  /** URL of the server, with `https://`. */
  readonly server: pulumi.Input<string>;
  /** What signs: `<mount>/root/sign-intermediate` or `<mount>/issuer/<name>/sign-intermediate`. */
  readonly path: pulumi.Input<string>;
  /** Authorities by which the server is verified, in PEM. Absent: those of cert-manager's container. */
  readonly caBundlePem?: pulumi.Input<string> | undefined;
  /** Vault Enterprise's namespace. Absent: none. */
  readonly namespace?: pulumi.Input<string> | undefined;
  readonly auth: VaultAuthentication;
}

/** What a {@link VaultIssuer} is made from. */
export interface VaultIssuerArgs extends VaultIssuerSettings {
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
  /** Reference to the Issuer. */
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
          ...(args.namespace === undefined ? {} : { namespace: args.namespace }),
          ...(args.caBundlePem === undefined
            ? {}
            : {
                caBundle: pulumi.output(args.caBundlePem).apply((pem) => Buffer.from(pem).toString("base64")),
              }),
          auth,
        },
      },
      { parent: this, ...(opts?.dependsOn === undefined ? {} : { dependsOn: opts.dependsOn }) },
    );
    this.issuerRef = { group: "cert-manager.io", kind: "Issuer", name: issuer.metadata.name };
    this.registerOutputs({ issuerName: issuer.metadata.name });
  }

  /** cert-manager asks the API server for a token of the ServiceAccount, and needs leave to. */
  #kubernetesLogin(
    name: string,
    { linkerdNamespace, certManagerNamespace }: VaultIssuerArgs,
    { role, mountPath, serviceAccount }: NonNullable<VaultAuthentication["kubernetes"]>,
  ) {
    const metadata = { name: vaultIssuerName, namespace: linkerdNamespace };
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

/** Checks what is plain of Vault's settings. */
export function checkVaultIssuer(settings: VaultIssuerSettings): Finding[] {
  const field = "vaultIssuer";
  const { auth, ...parts } = settings;
  const [server, path, bundle] = [
    plain(parts.server),
    plain(parts.path),
    plain(parts.caBundlePem),
  ] as readonly unknown[];
  const findings = [
    ...checkParts(field, parts, ["server", "path"], ["caBundlePem", "namespace"]),
    ...checkAuthentication(`${field}.auth`, auth),
  ];
  if (typeof server === "string" && server !== "" && !/^https:\/\/[^/?#@\s]+\/?$/.test(server)) {
    findings.push(
      broken("vault-server", {
        field: `${field}.server`,
        message:
          "It is not the URL of a server with https:// and nothing behind its port: a token is sent there.",
        fix: "Write it like https://vault.example.com:8200.",
      }),
    );
  }
  if (typeof path === "string" && path !== "" && !/^[^/].*\/sign-intermediate$/.test(path)) {
    findings.push(
      broken("vault-path", {
        field: `${field}.path`,
        message: `"${path}" does not end in /sign-intermediate: a role's path answers with a leaf, with which nobody can sign.`,
        fix: "Write it like pki/root/sign-intermediate.",
      }),
    );
  }
  if (typeof bundle === "string" && bundle !== "") {
    const types = decodePem(bundle).blocks.map(({ type }) => type);
    if (types.length === 0 || types.some((type) => type !== "CERTIFICATE")) {
      findings.push(
        broken("vault-ca-bundle", {
          field: `${field}.caBundlePem`,
          message: `It is not made of certificates in PEM (found: ${types.join(", ") || "nothing"}).`,
          fix: "Set it to the certificates of the authorities that signed the server's.",
        }),
      );
    }
  }
  return findings;
}

function checkAuthentication(field: string, auth: VaultAuthentication | undefined): Finding[] {
  if (pulumi.Output.isInstance(auth)) return [];
  const methods = ["kubernetes", "appRole", "tokenSecretRef"];
  const given = typeof auth === "object" && auth !== null ? Object.keys(auth) : [];
  const [method] = given;
  if (auth === undefined || given.length !== 1 || !methods.includes(method!)) {
    return [
      broken("vault-auth", {
        field,
        message: `It has ${given.join(", ") || "nothing"}; cert-manager logs in by exactly one of ${methods.join(", ")}.`,
        fix: "Set one of them. A token or a secret ID is in a Secret, which is named here.",
      }),
    ];
  }
  if (auth.kubernetes !== undefined) {
    return checkParts(`${field}.kubernetes`, auth.kubernetes, ["role"], ["mountPath", "serviceAccount"]);
  }
  if (auth.appRole !== undefined) {
    if (pulumi.Output.isInstance(auth.appRole)) return [];
    // A configuration can have anything here, and null cannot be taken apart.
    const { secretRef, ...parts } = auth.appRole ?? {};
    return [
      ...checkParts(`${field}.appRole`, parts, ["path", "roleId"], []),
      ...checkParts(`${field}.appRole.secretRef`, secretRef, ["name", "key"], []),
    ];
  }
  return checkParts(`${field}.tokenSecretRef`, auth.tokenSecretRef, ["name", "key"], []);
}
