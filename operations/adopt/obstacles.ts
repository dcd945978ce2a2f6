/** Why a mesh cannot be adopted as it is. */
import { familyOf, hasCrdsChart } from "../../rules/charts/families.ts";
import { namedChart } from "../../rules/charts/version.ts";
import { joinBundle, splitBundle } from "../../rules/credentials/bundle.ts";
import {
  crdsReleaseName,
  identityIssuerName,
  trustAnchorObjectName,
  trustRootsName,
} from "../../rules/linkerdNames.ts";
import { chartSource } from "../../rules/settings/charts.ts";
import type { Given, Obstacle } from "./adoption.ts";
import { clusterAnchorObstacles } from "./clusterAnchor.ts";
import type { FoundIssuer, FoundRelease, Installation } from "./find.ts";

/** @param installer how the Helm releases of this stack would say whose they are. */
export function obstaclesOf(
  found: Installation,
  controlPlane: FoundRelease | undefined,
  crds: FoundRelease | undefined,
  installer: string,
): readonly Obstacle[] {
  const { namespace, isInstalled, isDistributed, clusterAnchor, hasOperator, bundlePem, issuer, releases } =
    found;
  if (!isInstalled) {
    return [
      {
        subject: `Namespace ${namespace}`,
        message: "No Linkerd is installed there: it has no ConfigMap linkerd-config.",
        fix: "Name its namespace: linkerdNamespace of the stack. Without a Linkerd there is nothing to adopt: pulumi up installs one.",
      },
    ];
  }
  const wrongBundle = bundleObstacles(namespace, bundlePem);
  return [
    ...(controlPlane === undefined
      ? [
          {
            subject: `Namespace ${namespace}`,
            message: `Linkerd is there, but nothing that this program knows has installed it: there is no Helm release of its chart${releases.length === 0 ? "" : ` (but ${releases.map(({ name, chart }) => `${name} of chart ${chart.name}`).join(", ")})`}, and linkerd install did not make it.`,
            fix: "If it is manifests that a chart was rendered to (helm template, Argo CD), have Helm take them over first, with the same charts and values: helm install --take-ownership, from Helm 3.17 on. status, check and renew work on any mesh.",
          },
        ]
      : releaseObstacles(namespace, controlPlane, installer)),
    ...(crds === undefined ? [] : releaseObstacles(namespace, crds, installer)),
    ...(controlPlane !== undefined && crds === undefined && hasDefinitions(controlPlane)
      ? [
          {
            subject: `Namespace ${namespace}`,
            message:
              "It has no Helm release of the chart linkerd-crds, which this program has beside the control plane, and linkerd install did not make the definitions.",
            fix: `Have Helm take the definitions over first, with the chart of the same Linkerd: helm install --take-ownership --namespace ${namespace} linkerd-crds …, from Helm 3.17 on.`,
          },
        ]
      : []),
    ...(isDistributed ? clusterAnchorObstacles(found, clusterAnchor) : []),
    ...(hasOperator ? [operatorObstacle] : []),
    ...(wrongBundle.length > 0 ? wrongBundle : anchorObstacles(found)),
    ...issuerObstacles(namespace, issuer),
    ...releases
      .filter(({ status }) => status !== "deployed")
      .map(({ name, status }) => ({
        subject: `Helm release ${namespace}/${name}`,
        message: `Its last revision is ${status}, so what it has installed is not known.`,
        fix: `Bring it to an end first: helm upgrade, or helm rollback --namespace ${namespace} ${name}.`,
      })),
  ];
}

/** An archive has a version of its own, and another one would be an upgrade, which is a change for later. */
export function chartObstacles(
  releases: Readonly<Record<string, FoundRelease | undefined>>,
  given: Given,
): readonly Obstacle[] {
  return Object.entries(releases).flatMap(([key, release]) => {
    const archive = given(key) ?? "";
    if (release === undefined || chartSource(archive) !== "local") return [];
    const { name, version } = release.chart;
    const [has, installed] = [namedChart(archive, ""), namedChart(name, version)];
    if (has === undefined || installed === undefined || has.version.compare(installed.version) === 0)
      return [];
    return [
      {
        subject: key,
        message: `${archive} is of version ${has.version}, and ${version} is installed: that would be an upgrade.`,
        fix: "Give the archive of the version that is installed, and upgrade once the mesh is adopted.",
      },
    ];
  });
}

function releaseObstacles(
  namespace: string,
  { name, chart, description }: FoundRelease,
  installer: string,
): readonly Obstacle[] {
  // A version that is not known is an obstacle of its own.
  const isKnown =
    chart.name === crdsReleaseName ||
    chart.version === "" ||
    familyOf(chart.name, chart.version) !== undefined;
  const otherStack = /^Pulumi stack (\S+)$/.exec(description)?.[1];
  return [
    ...(otherStack === undefined || description === installer
      ? []
      : [
          {
            subject: `Helm release ${namespace}/${name}`,
            message: `It is of Pulumi stack ${otherStack}, and two stacks would undo each other's work.`,
            fix: "Use that stack. If its state is lost, make it anew by the same name, and adopt into that.",
          },
        ]),
    ...(isKnown
      ? []
      : [
          {
            subject: `Helm release ${namespace}/${name}`,
            message: `Its chart ${chart.name} ${chart.version} is older than Linkerd 2.10, whose values this program does not know.`,
            fix: "Upgrade Linkerd first.",
          },
        ]),
  ];
}

function bundleObstacles(namespace: string, bundlePem: string | undefined): readonly Obstacle[] {
  const subject = `ConfigMap ${namespace}/${trustRootsName}`;
  try {
    const anchors = bundlePem === undefined ? [] : splitBundle(bundlePem);
    if (anchors.length === 1) return [];
    return [
      {
        subject,
        message:
          anchors.length === 0
            ? "It holds no trust anchor."
            : `It holds ${anchors.length} trust anchors: a rotation by hand is under way, or was never finished.`,
        fix:
          anchors.length === 0
            ? "Bring the mesh to life first, by whoever keeps it."
            : "Finish it first: restart what still holds one alone, and leave the anchor that signs as the only one.",
      },
    ];
  } catch (error) {
    return [
      { subject, message: (error as Error).message, fix: "Put certificates in PEM there, and nothing else." },
    ];
  }
}

/** The Secret in which the stack keeps the anchor would be imported, and get the one of the mesh. */
function anchorObstacles({ namespace, keptAnchors, bundlePem = "" }: Installation): readonly Obstacle[] {
  const kept = keptAnchors.find(({ generation }) => generation === 1);
  if (kept === undefined || bundleOf(kept.certificatePem) === bundleOf(bundlePem)) return [];
  return [
    {
      subject: `Secret ${namespace}/${trustAnchorObjectName(1)}`,
      message: "It holds another certificate than the mesh trusts, and would be overwritten.",
      fix: "If nobody needs it, delete it; if something signs with it, have that use a Secret of another name first.",
    },
  ];
}

/** As this program writes one; a text that is none, as it is. */
export function bundleOf(text: string): string {
  try {
    return joinBundle([text]);
  } catch {
    return text;
  }
}

function issuerObstacles(namespace: string, issuer: FoundIssuer | undefined): readonly Obstacle[] {
  if (issuer === undefined) {
    return [
      {
        subject: `Secret ${namespace}/${identityIssuerName}`,
        message: "It does not exist, so the mesh has no identity issuer.",
        fix: "Bring the mesh to life first, by whoever keeps it.",
      },
    ];
  }
  if (issuer.by === "hand" || issuer.isReady) return [];
  return [
    {
      subject: `Certificate ${namespace}/${issuer.name}`,
      message: "It is not Ready: cert-manager does not renew the issuer.",
      fix: `See why, and mend that first: kubectl describe certificate --namespace ${namespace} ${issuer.name}`,
    },
  ];
}

const operatorObstacle: Obstacle = {
  subject: "TrustAnchorRotation",
  message:
    "Buoyant's operator rotates the trust anchor, and writes the anchors that the mesh trusts: it would act on the same objects as the stack.",
  fix: "Uninstall the operator first (helm uninstall of the chart trust-rotation-operator): the anchor and the bundle stay. Or keep the mesh as it is.",
};

/** Whether a chart of its own has the definitions of such a control plane. */
function hasDefinitions({ chart }: FoundRelease): boolean {
  const family = familyOf(chart.name, chart.version);
  return family !== undefined && hasCrdsChart(family);
}
