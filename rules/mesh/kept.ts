/** Settings on which a running mesh depends: a change would replace what it lives on. */
import { valueAt } from "../charts/values.ts";
import type { Finding } from "../finding.ts";
import { known } from "../known.ts";
import { parseDuration } from "../lifetimes/duration.ts";
import { broken } from "../rules.ts";
import type { Settings } from "../settings/settings.ts";

/** A Helm release that the stack has installed. */
export interface InstalledRelease {
  readonly name: string;
  readonly namespace: string;
  readonly values: object;
}

/** The settings that say where each release is. */
const groupOf = {
  "cert-manager": "certManager",
  "trust-manager": "certManager",
  "linkerd-crds": "controlPlane",
  "linkerd-control-plane": "controlPlane",
  linkerd2: "controlPlane",
  "linkerd-cni": "cni",
  "linkerd-viz": "viz",
} as const;

export const releaseNames = Object.keys(groupOf) as (keyof typeof groupOf)[];

const onPurpose = "To change it, remove the mesh first: pulumi destroy (docs/changes.md).";

/** Refuses what would replace a release, a namespace or the trust anchor under a running mesh. */
export function* checkKept(installed: readonly InstalledRelease[], settings: Settings): Iterable<Finding> {
  const told = new Set<string>();
  for (const { name, namespace, values } of installed) {
    const group = groupOf[name as keyof typeof groupOf];
    const field = `${group}.namespace`;
    const wanted = known(settings[group].namespace);
    if (name === "cert-manager" && !settings.certManager.install) {
      yield broken("setting-kept", {
        field: "certManager.install",
        message:
          `This stack has installed cert-manager in namespace ${namespace}. With false it would be uninstalled, and with its ` +
          "definitions every Certificate of the cluster would go.",
        fix: `Set it to true. ${onPurpose}`,
      });
    } else if (wanted !== undefined && wanted !== namespace && !told.has(field)) {
      told.add(field);
      yield broken("setting-kept", {
        field,
        message: `This stack has installed ${name} in namespace ${namespace}. With "${wanted}" all of it would be replaced, and the namespace deleted.`,
        fix: `Set it back to "${namespace}". ${onPurpose}`,
      });
    }
    if (group === "controlPlane") yield* checkIdentity(values, settings);
  }
}

/** A release of the control plane says which mesh it is; one of its definitions says nothing. */
function* checkIdentity(values: object, { trustDomain, trustAnchor }: Settings): Iterable<Finding> {
  const installed = valueAt(values, "identityTrustDomain");
  const wanted = known(trustDomain);
  if (typeof installed !== "string") return;
  if (wanted !== undefined && wanted !== installed) {
    yield broken("setting-kept", {
      field: "trustDomain",
      message: `The mesh that runs has the trust domain ${installed}. With "${wanted}" every identity would change, and its trust anchors be replaced.`,
      fix: `Set it back to "${installed}". ${onPurpose}`,
    });
  }
  const source = valueAt(values, "identity.externalCA") === true ? "cluster" : "stack";
  if (source !== trustAnchor.source) {
    yield broken("setting-kept", {
      field: "trustAnchor.source",
      message: `The trust anchor of the mesh that runs is kept by the ${source}. With "${trustAnchor.source}" it would be replaced.`,
      fix: `Set it back to "${source}". ${onPurpose}`,
    });
  }
}

/** Refuses another life of an anchor that the cluster keeps: cert-manager would issue another one at once. */
export function* checkAnchorLife(installed: string | undefined, wanted: string): Iterable<Finding> {
  if (installed === undefined || parseDuration(installed) === parseDuration(wanted)) return;
  yield broken("setting-kept", {
    field: "trustAnchor.duration",
    message: `The anchor that the cluster keeps has the duration ${installed}. With "${wanted}" it would be replaced by another one, which no proxy trusts.`,
    fix: `Set it back to "${installed}".`,
  });
}
