/** Looks whether the cluster fits the settings, once, as the program starts. */
import { requireSound } from "../../components/validation.ts";
import { valueAt } from "../../rules/charts/values.ts";
import type { PemText } from "../../rules/credentials/pemText.ts";
import type { Finding } from "../../rules/finding.ts";
import { known } from "../../rules/known.ts";
import { plannedAnchors } from "../../rules/mesh/anchorChange.ts";
import { checkKept, releaseNames } from "../../rules/mesh/kept.ts";
import { broken } from "../../rules/rules.ts";
import type { Settings } from "../../rules/settings/settings.ts";
import { findAnchorMisfits } from "./anchorChange.ts";
import { type ExportState, exportOwnState } from "./ownState.ts";
import type { Run } from "./run.ts";

/**
 * Passes if the cluster fits: its Kubernetes, its definitions, and what this stack has installed there before.
 *
 * @param exportState gives the stack's state in JSON.
 * @throws pulumi.RunError with what does not fit.
 */
export async function requireFit(run: Run, exportState: ExportState = exportOwnState): Promise<void> {
  const { look, namespace: before, settings, installer, onUnseen, spell } = run;
  const { controlPlane, certManager, crds, trustAnchor, alerts } = settings;
  const { family } = controlPlane;
  const seen = <Found>(looked: Promise<Found>) =>
    looked.catch((error: Error) => {
      onUnseen(error);
      return undefined;
    });
  const namespace = known(controlPlane.namespace);
  const certManagerNamespace = certManager.install ? known(certManager.namespace) : undefined;
  const { installGatewayApi } = crds;
  const anchorNamespace = known(certManager.namespace);
  const anchorDuration = known(trustAnchor.duration);
  const planned = plannedAnchors(settings);
  const failurePolicy =
    valueAt(controlPlane.values, "webhookFailurePolicy") ??
    (controlPlane.highAvailability ? "Fail" : "Ignore");
  const named = namespacesOf(settings);
  const [kubernetes, definitions, inConfigMap, life, admission, areMissing, releases] = await Promise.all([
    family && seen(look("findKubernetesMisfits", family)),
    family &&
      namespace &&
      seen(
        look("findDefinitionMisfits", {
          ...{ family, installGatewayApi, namespace, certManagerNamespace },
          installAlerts: alerts.install,
        }),
      ),
    family && namespace && planned && seen(look("findRunningBundle", family, namespace)),
    trustAnchor.source === "cluster" &&
      anchorNamespace &&
      anchorDuration &&
      seen(look("findAnchorLifeMisfits", anchorNamespace, anchorDuration)),
    family && failurePolicy === "Fail" && seen(look("findAdmissionMisfits", family, certManager.install)),
    // The gates of objects ask for those that are made, too.
    Promise.all(named.map(({ name }) => seen(before(name).then((found) => found === undefined)))),
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
  const running = bundle ?? inConfigMap;
  const lifetimes = {
    issuanceLifetime: known(settings.identityIssuer.issuanceLifetime),
    clockSkewAllowance: known(settings.identityIssuer.clockSkewAllowance),
  };
  const anchors =
    running && planned && namespace
      ? await findAnchorMisfits(run, { planned, running, namespace, lifetimes }, exportState)
      : [];
  const missing = named
    .filter(({ create }, index) => areMissing[index] && !create)
    .map(({ name, field }) => absentNamespace(name, field));
  // What has to stay where it is would have two owners if it moved: that is one mistake.
  const findings =
    kept.length > 0
      ? kept
      : [kubernetes, definitions, anchors, life, admission, missing].flatMap((found) => found || []);
  requireSound(findings.map(spell));
}

/** The namespaces of all parts, as far as their names are known before the engine runs. */
function namespacesOf({ controlPlane, certManager, cni, viz }: Settings) {
  const groups = { controlPlane: { ...controlPlane, install: true }, certManager, cni, viz };
  return Object.entries(groups).flatMap(([group, { namespace, createNamespace, install }]) => {
    const name = known(namespace);
    return install && name !== undefined
      ? [{ name, field: `${group}.createNamespace`, create: createNamespace }]
      : [];
  });
}

export const absentNamespace = (name: string, field: string): Finding =>
  broken("namespace-exists", {
    field,
    message: `Namespace ${name} does not exist, and with false this program does not make it.`,
  });
