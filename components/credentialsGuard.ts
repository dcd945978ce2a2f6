import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { guardedObjects } from "../rules/guard/guardedObjects.ts";
import { bindingSpec, guardedKey, guardName, policySpec } from "../rules/guard/policy.ts";
import { deleteAtOnce } from "./objects/deletion.ts";
import type { ResolvedSettings } from "./rotatingLinkerdArgs.ts";

export interface CredentialsGuardArgs {
  readonly settings: ResolvedSettings;
  /** Namespace of the control plane, once it is there. */
  readonly namespace: pulumi.Input<string>;
}

/**
 * The guard of the mesh's credentials: the API server refuses whoever would change the identity issuer, a trust anchor or the
 * bundle by hand, and says what to do instead.
 *
 * Creates a ValidatingAdmissionPolicy, its binding, and its parameter: a ConfigMap that lists what is guarded.
 * `rules/guard` has who may write, and why they are told apart by the program with which they write.
 *
 * Pass everything that is guarded as `dependsOn`. The parameter comes last and goes first: the policy holds as long as it is there.
 * So nothing here stands in the way of `pulumi destroy`, nor of an update that removes an anchor: Pulumi changes
 * the parameter before it deletes what is no longer listed there.
 */
export class CredentialsGuard extends pulumi.ComponentResource {
  constructor(name: string, args: CredentialsGuardArgs, opts?: pulumi.ComponentResourceOptions) {
    super("linkerd-rotating-tls:index:CredentialsGuard", name, {}, opts);
    const { certManager, guard } = args.settings;
    const child = { parent: this };
    const namespaces = pulumi
      .all([args.namespace, certManager.namespace])
      .apply(([linkerd, ofCertManager]) => ({ linkerd, certManager: ofCertManager as string }));
    const objectName = namespaces.apply(({ linkerd }) => guardName(linkerd));
    const metadata = { name: objectName, annotations: deleteAtOnce };

    const policy = new kubernetes.admissionregistration.v1.ValidatingAdmissionPolicy(
      name,
      { metadata, spec: namespaces.apply((known) => policySpec(known.certManager, guard.writers)) },
      { ...child, dependsOn: opts?.dependsOn ?? [] },
    );
    const binding = new kubernetes.admissionregistration.v1.ValidatingAdmissionPolicyBinding(
      name,
      {
        metadata,
        spec: pulumi
          .all([policy.metadata.name, namespaces])
          .apply(([policyName, known]) => bindingSpec(policyName, known)),
      },
      child,
    );
    new kubernetes.core.v1.ConfigMap(
      name,
      {
        metadata: { ...metadata, namespace: args.namespace },
        data: {
          [guardedKey]: namespaces.apply((known) => guardedObjects(args.settings, known).join("\n")),
        },
      },
      { ...child, dependsOn: binding },
    );
    this.registerOutputs({});
  }
}
