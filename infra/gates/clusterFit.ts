/** Looks whether the cluster fits the settings, once, as the program starts. */
import { requireSound } from "../../components/validation.ts";
import { valueAt } from "../../rules/charts/values.ts";
import type { PemText } from "../../rules/credentials/pemText.ts";
import { known } from "../../rules/known.ts";
import { checkAnchorChange, plannedAnchors } from "../../rules/mesh/anchorChange.ts";
import { checkKept, releaseNames } from "../../rules/mesh/kept.ts";
import type { Run } from "./run.ts";

/**
 * Passes if the cluster fits: its Kubernetes, its definitions, and what this stack has installed there before.
 *
 * @throws pulumi.RunError with what does not fit.
 */
export async function requireFit({ look, settings, installer, onUnseen, spell }: Run): Promise<void> {
  const { controlPlane, certManager, crds } = settings;
  const { family } = controlPlane;
  const seen = <Found>(looked: Promise<Found>) =>
    looked.catch((error: Error) => {
      onUnseen(error);
      return undefined;
    });
  const namespace = known(controlPlane.namespace);
  const certManagerNamespace = certManager.install ? known(certManager.namespace) : undefined;
  const { installGatewayApi } = crds;
  const planned = plannedAnchors(settings);
  const failurePolicy =
    valueAt(controlPlane.values, "webhookFailurePolicy") ??
    (controlPlane.highAvailability ? "Fail" : "Ignore");
  const [kubernetes, definitions, inConfigMap, admission, releases] = await Promise.all([
    family && seen(look("findKubernetesMisfits", family)),
    family &&
      namespace &&
      seen(look("findDefinitionMisfits", { family, installGatewayApi, namespace, certManagerNamespace })),
    family && namespace && planned && seen(look("findAnchorMisfits", planned, family, namespace)),
    family && failurePolicy === "Fail" && seen(look("findAdmissionMisfits", family, certManager.install)),
    seen(look("listReleases", releaseNames)),
  ]);
  const installed = (releases ?? []).filter(({ description }) => description === installer);
  const kept = [...checkKept(installed, settings)];
  // The bundle that this stack has installed, or else the one that is there: someone may have damaged that since.
  const bundles = installed.map(({ name, namespace: where, values }) => ({
    field: `Helm release ${where}/${name}`,
    text: valueAt(values, "identityTrustAnchorsPEM"),
  }));
  const bundle = bundles.find((one): one is PemText => typeof one.text === "string");
  const anchors = bundle && planned ? [...checkAnchorChange(bundle, planned)] : inConfigMap;
  // What has to stay where it is would have two owners if it moved: that is one mistake.
  const findings =
    kept.length > 0 ? kept : [kubernetes, definitions, anchors, admission].flatMap((found) => found || []);
  requireSound(findings.map(spell));
}
