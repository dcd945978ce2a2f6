/** The program that runs in place of each container image: the sandbox has no registry and no container engine. */

/**
 * An image whose containers run `program`, or a stand-in: one that answers probes on `ports`, or one that ends at once
 * (for init containers), or a program of our own that does a part of what the image's does. `repository` is the end of the
 * image's name, whatever the registry.
 */
export interface Image {
  readonly repository: string;
  /** Only containers that run this command of it; the others are for an entry further down. */
  readonly command?: string;
  /** A program on the sandbox's `PATH`, and its first arguments. */
  readonly program?: readonly [string, ...string[]];
  readonly standIn?: {
    readonly ports?: readonly number[];
    readonly exits?: boolean;
    /** A port that is answered by TLS, with the certificate that is in a directory of the container. */
    readonly tls?: { readonly port: number; readonly directory: string };
  };
}

/** Its probes, and its webhook with the certificate that it has. */
const policyController = { ports: [9990], tls: { port: 9443, directory: "/var/run/linkerd/tls" } };

export const images: readonly Image[] = [
  { repository: "jetstack/cert-manager-controller", program: ["cert-manager", "controller"] },
  { repository: "jetstack/cert-manager-webhook", program: ["cert-manager", "webhook"] },
  { repository: "jetstack/cert-manager-cainjector", program: ["cert-manager", "cainjector"] },
  { repository: "jetstack/cert-manager-startupapicheck", program: ["cert-manager", "startupapicheck"] },
  { repository: "jetstack/trust-manager", program: ["trust-manager"] },
  // Written in Rust, which cannot be built here. Before edge-25.8.3 it has an image of its own.
  { repository: "linkerd/controller", command: "/linkerd-policy-controller", standIn: policyController },
  { repository: "linkerd/policy-controller", standIn: policyController },
  { repository: "linkerd/controller", program: ["linkerd-controller"] },
  // Only a sandbox that was asked for these two has them; without them, their containers cannot start.
  { repository: "hashicorp/vault", program: ["vault"] },
  { repository: "linkerd/tap", program: ["linkerd-tap"] },
  { repository: "linkerd/metrics-api", standIn: { ports: [8085, 9995] } },
  { repository: "linkerd/web", standIn: { ports: [8084, 9994] } },
  { repository: "prom/prometheus", standIn: { ports: [9090] } },
  { repository: "linkerd/extension-init", standIn: { exits: true } },
  // It would change the network of the node, which has no CNI plugins here: the container runtime makes the pods' network.
  { repository: "linkerd/cni-plugin", standIn: { ports: [9990] } },
  // Written in Rust as well. Before edge-25.11.3, proxy-init has an image of its own.
  { repository: "linkerd/proxy", command: "/usr/lib/linkerd/linkerd2-proxy-init", standIn: { exits: true } },
  {
    repository: "linkerd/proxy",
    command: "/usr/lib/linkerd/linkerd2-network-validator",
    standIn: { exits: true },
  },
  { repository: "linkerd/proxy", program: ["linkerd-proxy"], standIn: {} },
  { repository: "linkerd/proxy-init", standIn: { exits: true } },
  // Only a sandbox that was asked for it has this one.
  { repository: "sandbox/mesh-load", program: ["mesh-load"] },
];
