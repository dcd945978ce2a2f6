import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { guardedNamespaces, guardedRules } from "../rules/guard/guardedObjects.ts";
import { bindingSpec, guardName, policySpec } from "../rules/guard/policy.ts";
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
 * Creates a ValidatingAdmissionPolicy, its binding, and its parameter: a Role that lists what is guarded, and that nobody is bound to.
 * `rules/guard` has who may write, and why they are told apart by the program with which they write.
 *
 * Pass everything that is guarded as `dependsOn`. The parameter comes last and goes first: the policy holds as long as it is there.
 * So nothing here stands in the way of `pulumi destroy`, nor of an update that removes an anchor: Pulumi changes
 * the parameter before it deletes what is no longer listed there.
 */
export class CredentialsGuard extends pulumi.ComponentResource {
  constructor(name: string, args: CredentialsGuardArgs, opts?: pulumi.ComponentResourceOptions) {
    super("linkerd-rotating-tls:index:CredentialsGuard", name, {}, opts);
    const { settings, namespace } = args;
    const child = { parent: this };
    const certManager: pulumi.Input<string> = settings.certManager.namespace;
    const metadata = { name: pulumi.output(namespace).apply(guardName), annotations: deleteAtOnce };

    const policy = new kubernetes.admissionregistration.v1.ValidatingAdmissionPolicy(
      name,
      {
        metadata,
        spec: pulumi.output(certManager).apply((known) => policySpec(known, settings.guard.writers)),
      },
      { ...child, dependsOn: opts?.dependsOn ?? [] },
    );
    const binding = new kubernetes.admissionregistration.v1.ValidatingAdmissionPolicyBinding(
      name,
      {
        metadata,
        spec: pulumi
          .all([policy.metadata.name, namespace, certManager])
          .apply(([policyName, linkerd, ofCertManager]) =>
            bindingSpec(policyName, linkerd, guardedNamespaces(settings, linkerd, ofCertManager)),
          ),
      },
      child,
    );
    new kubernetes.rbac.v1.Role(
      name,
      { metadata: { ...metadata, namespace }, rules: guardedRules(settings) },
      { ...child, dependsOn: binding },
    );
    this.registerOutputs({});
  }
}
