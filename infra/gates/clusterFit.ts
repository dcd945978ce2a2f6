/** Looks whether the cluster fits the settings, once, as the program starts. */
import { requireSound } from "../../components/validation.ts";
import { valueAt } from "../../rules/charts/values.ts";
import type { PemText } from "../../rules/credentials/pemText.ts";
import type { Finding } from "../../rules/finding.ts";
import { freeWriters } from "../../rules/guard/writers.ts";
import { known } from "../../rules/known.ts";
import { crdsReleaseName } from "../../rules/linkerdNames.ts";
import { plannedAnchors } from "../../rules/mesh/anchorChange.ts";
import { checkKept, releaseNames } from "../../rules/mesh/kept.ts";
import { broken } from "../../rules/rules.ts";
import type { Settings } from "../../rules/settings/settings.ts";
import { findAnchorMisfits } from "./anchorChange.ts";
import { type ExportState, exportOwnState, ownResources } from "./ownState.ts";
import { releaseType } from "./registration.ts";
import type { Run } from "./run.ts";

/**
 * Passes if the cluster fits: its Kubernetes, its definitions, and what this stack has installed there before.
 *
 * @param exportState gives the stack's state in JSON.
 * @throws pulumi.RunError with what does not fit.
 */
export async function requireFit(run: Run, exportState: ExportState = exportOwnState): Promise<void> {
  const { look, namespace: before, settings, installer, onUnseen, spell } = run;
  const { controlPlane, certManager, trustManager, crds, trustAnchor, guard, alerts } = settings;
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
  // Those that are installed here are in a namespace that the guard knows.
  const others = [
    ...(certManager.install ? [] : ["cert-manager"]),
    ...(trustAnchor.source === "stack" || trustManager.install ? [] : ["trust-manager"]),
  ];
  const [kubernetes, definitions, inConfigMap, life, admission, guarding, areMissing, releases] =
    await Promise.all([
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
      guard.install &&
        anchorNamespace &&
        seen(
          look("findGuardMisfits", { names: others, writers: freeWriters(anchorNamespace, guard.writers) }),
        ),
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
  const foreign = await foreignDefinitions(definitions || [], namespace, exportState);
  const findings =
    kept.length > 0
      ? kept
      : [kubernetes, foreign, anchors, life, admission, guarding, missing].flatMap((found) => found || []);
  requireSound(findings.map(spell));
}

/** What speaks of whose a definition of Linkerd's chart is. */
const ownerRules = ["definitions-owner controlPlane.namespace", "gateway-api-owner crds.installGatewayApi"];

/**
 * Leaves out whose the definitions are if the state has their release, by whatever name Helm has marked them: what its own record has, Helm
 * upgrades without asking. So it is after an adoption.
 */
async function foreignDefinitions(
  findings: readonly Finding[],
  namespace: string | undefined,
  exportState: ExportState,
): Promise<readonly Finding[]> {
  const isOfOwner = ({ rule, field }: Finding) => ownerRules.includes(`${rule} ${field}`);
  if (!findings.some(isOfOwner)) return findings;
  const id = `${namespace}/${crdsReleaseName}`;
  const isOwn = await ownResources(exportState).then(
    (resources) => resources.some((one) => one.type === releaseType && one.id === id),
    () => false,
  );
  return isOwn ? findings.filter((finding) => !isOfOwner(finding)) : findings;
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
