import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { releaseArgs } from "./charts/release.ts";
import { awaitInjection } from "./objects/webhookInjection.ts";
import type { ResolvedSettings } from "./rotatingLinkerdArgs.ts";

export type TrustManagerArgs = Pick<ResolvedSettings, "certManager" | "trustManager" | "helmTimeoutSeconds">;

/**
 * trust-manager, ready to distribute certificates.
 *
 * Creates a Helm release in cert-manager's namespace, which is also the one namespace whose Secrets it reads. Done once
 * the API server can verify trust-manager's webhook. It needs cert-manager: pass it as `dependsOn`.
 */
export class TrustManager extends pulumi.ComponentResource {
  constructor(name: string, args: TrustManagerArgs, opts?: pulumi.ComponentResourceOptions) {
    super("linkerd-rotating-tls:index:TrustManager", name, {}, opts);
    const { certManager, trustManager, helmTimeoutSeconds } = args;
    const { namespace } = certManager;
    const release = new kubernetes.helm.v3.Release(
      name,
      {
        name: "trust-manager",
        namespace,
        ...releaseArgs(trustManager, certManager, helmTimeoutSeconds, {
          // The public CAs that it could distribute have no place in a mesh.
          under: { defaultPackage: { enabled: false } },
          over: { app: { trust: { namespace } }, crds: { enabled: true, keep: certManager.keepCrds } },
        }),
      },
      { parent: this, dependsOn: opts?.dependsOn ?? [] },
    );
    awaitInjection(name, { kind: "Validating", name: "trust-manager" }, release, this);
    this.registerOutputs({ chartVersion: release.status.version });
  }
}
