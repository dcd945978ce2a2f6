/** The parts of a mesh: to which one each resource of {@link RotatingLinkerd} belongs, and what its change means. Without Pulumi. */

/** What a run changes, and what that means for the mesh. */
export const parts = {
  "linkerd-control-plane-crds": "Helm upgrades Linkerd's definitions",
  "linkerd-control-plane": "Helm upgrades the control plane: workloads that it changes are rolled",
  "linkerd-cert-manager": "Helm upgrades cert-manager",
  "linkerd-trust-manager": "Helm upgrades trust-manager",
  "linkerd-identity-issuer":
    "cert-manager issues the identity issuer anew, which is loaded without a restart",
  "linkerd-identity-vault": "an Issuer for Vault is made",
  "linkerd-webhooks":
    "cert-manager issues the webhooks' certificates anew, which are loaded without a restart",
  "linkerd-namespace": "labels of the control plane's namespace change",
  "linkerd-trust-anchor": "a trust anchor is made, and joins the bundle",
  "linkerd-cni": "the CNI plugin is installed",
  "linkerd-viz": "viz is installed",
  "linkerd-guard": "who may change credentials by hand changes",
  "linkerd-alerts": "alerts and a dashboard are made",
  kubernetes: "the same objects are reached in another way",
} as const;

export type Part = keyof typeof parts;

const installation = "linkerd-rotating-tls:index:RotatingLinkerd";

const partOfComponent: Readonly<Record<string, Part>> = {
  "linkerd-rotating-tls:index:CertManager": "linkerd-cert-manager",
  "linkerd-rotating-tls:index:TrustManager": "linkerd-trust-manager",
  "linkerd-rotating-tls:index:TrustAnchor": "linkerd-trust-anchor",
  "linkerd-rotating-tls:index:ClusterTrustAnchor": "linkerd-trust-anchor",
  "linkerd-rotating-tls:index:VaultIssuer": "linkerd-identity-vault",
  "linkerd-rotating-tls:index:IdentityIssuer": "linkerd-identity-issuer",
  "linkerd-rotating-tls:index:WebhookCredentials": "linkerd-webhooks",
  "linkerd-rotating-tls:index:LinkerdCni": "linkerd-cni",
  "linkerd-rotating-tls:index:LinkerdControlPlane": "linkerd-control-plane",
  "linkerd-rotating-tls:index:LinkerdViz": "linkerd-viz",
  "linkerd-rotating-tls:index:CredentialsGuard": "linkerd-guard",
  "linkerd-rotating-tls:index:LinkerdAlerts": "linkerd-alerts",
};

/** What a resource's URN says of it. */
export interface ResourceName {
  /** The engine's name of its type, such as `kubernetes:core/v1:Secret`. */
  readonly type: string;
  /** Types of the components that it is in, the outermost first. */
  readonly components: readonly string[];
  readonly name: string;
  readonly stack: string;
}

/** Reads `urn:pulumi:<stack>::<project>::<component>$<type>::<name>`; a name may have colons of its own. */
export function resourceName(urn: string): ResourceName {
  const [stack = "", , chain = "", ...name] = urn.replace(/^urn:pulumi:/, "").split("::");
  const types = chain.split("$");
  return { type: types.at(-1)!, components: types.slice(0, -1), name: name.join("::"), stack };
}

/** The part of the mesh to which a resource belongs; `undefined` for what is in the state alone, or not of the mesh. */
export function partOf(urn: string): Part | undefined {
  const { type, components, name } = resourceName(urn);
  if (type === "pulumi:providers:kubernetes") return "kubernetes";
  const place = components.indexOf(installation);
  if (place < 0) return undefined;
  // The outermost below it: viz has webhooks of its own.
  const part = partOfComponent[components[place + 1] ?? type];
  if (part === "linkerd-control-plane" && name.endsWith("-crds")) return "linkerd-control-plane-crds";
  return part ?? "linkerd-namespace";
}
