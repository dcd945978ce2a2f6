/** The settings with which this program would install the Linkerd that is found, or why it cannot take that over. */
import { X509Certificate } from "node:crypto";
import { familyOf } from "../../rules/charts/families.ts";
import { type HelmValues, valueAt } from "../../rules/charts/values.ts";
import { splitBundle } from "../../rules/credentials/bundle.ts";
import { crdsReleaseName, trustAnchorName } from "../../rules/linkerdNames.ts";
import { chartSource } from "../../rules/settings/charts.ts";
import { defaults } from "../../rules/settings/defaults.ts";
import { certManagerGroup } from "../../rules/settings/identityIssuer.ts";
import type { Choice } from "../choice.ts";
import type { Adoption, Given, Obstacle } from "./adoption.ts";
import type { FoundIssuer, FoundRelease, Installation } from "./find.ts";
import { adoptionOfLostState } from "./lostState.ts";
import { chartObstacles, obstaclesOf } from "./obstacles.ts";
import { withoutKeys, withoutPaths } from "./values.ts";

/** Values for which settings of the program stand. */
const ownValues = [
  "clusterDomain",
  "identityTrustDomain",
  "identityTrustAnchorsPEM",
  "identity.issuer",
  "installNamespace",
  "namespace",
];

/**
 * @param anchorKeyPem key of the trust anchor, for an issuer that was made by hand.
 * @param installer how the Helm releases of this stack would say whose they are.
 */
export function adoptionOf(
  found: Installation,
  anchorKeyPem: string | undefined,
  given: Given,
  installer: string,
): Adoption {
  const controlPlane = found.releases.find(({ chart }) => controlPlaneCharts.includes(chart.name));
  const crds = found.releases.find(({ chart }) => chart.name === crdsReleaseName);
  const charts = { linkerdControlPlaneChart: controlPlane, linkerdCrdsChart: crds };
  const upgrades = chartObstacles(charts, given);
  const isOwn = controlPlane?.description === installer;
  if (isOwn && upgrades.length === 0) return adoptionOfLostState(found);
  const obstacles = [
    ...(isOwn ? [] : obstaclesOf(found, controlPlane, crds, installer)),
    ...upgrades,
    ...(anchorKeyPem !== undefined && found.issuer?.by === "certificate" ? [needlessKey] : []),
  ];
  if (controlPlane === undefined || found.issuer === undefined || obstacles.length > 0) {
    return { choices: [], secrets: [], obstacles, left: [] };
  }
  const { issuer } = found;
  const keyPem = signsAsOurs(issuer) ? found.keptAnchors[0]?.privateKeyPem : anchorKeyPem;
  const { plain, keys } = withoutKeys(withoutPaths(controlPlane.values, ownValues));
  return {
    choices: [
      ...placeOf(found),
      domainsOf(found, controlPlane),
      anchorOf(found, keyPem),
      ...issuerOf(issuer, controlPlane, keyPem),
      {
        why: "The webhooks' credentials stay as they are. With true, cert-manager renews them: a change for later.",
        settings: { rotateWebhookCredentials: false },
      },
      certManagerOf(found),
      chartsOf(controlPlane, crds, given),
      ...definitionsOf(controlPlane, crds),
      ...valuesOf(plain, definitionValues(controlPlane, crds)),
    ].filter(({ settings }) => Object.keys(settings).length > 0),
    secrets: [
      ...(keyPem === undefined
        ? []
        : [{ path: ["providedTrustAnchors", "1", "privateKeyPem"], value: keyPem }]),
      ...keys.map(({ path, value }) => ({ path: ["linkerdControlPlaneValues", ...path], value })),
    ],
    obstacles,
    left: found.extensions.map(
      (release) => `Helm release ${release} goes on as it is, and is not the stack's.`,
    ),
    ...(issuer.by === "hand" && issuer.scheme === "linkerd.io/tls"
      ? { issuerSecret: keyPem === undefined ? ("convert" as const) : ("keep" as const) }
      : {}),
  };
}

const controlPlaneCharts = ["linkerd-control-plane", "linkerd2"];

function placeOf({ namespace }: Installation): readonly Choice[] {
  return [
    {
      why: "The namespace was there before the stack: it gets the labels that it lacks, and stays when the stack goes.",
      settings: {
        ...(namespace === defaults.controlPlane.namespace ? {} : { linkerdNamespace: namespace }),
        createLinkerdNamespace: false,
      },
    },
  ];
}

function domainsOf({ trustDomain }: Installation, { values }: FoundRelease): Choice {
  const clusterDomain = valueAt(values, "clusterDomain") ?? defaults.clusterDomain;
  return {
    why: "As the mesh that runs has them: every identity ends in the trust domain.",
    settings: { clusterDomain, trustDomain },
  };
}

/** It is for an issuer that nobody renews. */
const needlessKey: Obstacle = {
  subject: "--trust-anchor-key",
  message:
    "cert-manager renews the identity issuer, and what it signs with stays, so this key would go nowhere.",
  fix: "Leave it out.",
};

function anchorOf({ bundlePem }: Installation, keyPem: string | undefined): Choice {
  const [certificatePem] = splitBundle(bundlePem!);
  const { validTo } = new X509Certificate(certificatePem!);
  return {
    why: `The trust anchor of the mesh that runs, which ends ${validTo}${keyPem === undefined ? "; its key is not known here" : ""}.`,
    settings: { providedTrustAnchors: { "1": { certificatePem: `${certificatePem}\n` } } },
  };
}

function issuerOf(
  issuer: FoundIssuer,
  { values }: FoundRelease,
  keyPem: string | undefined,
): readonly Choice[] {
  const issuanceLifetime =
    valueAt(values, "identity.issuer.issuanceLifetime") ?? defaults.identityIssuer.issuanceLifetime;
  const clockSkewAllowance =
    valueAt(values, "identity.issuer.clockSkewAllowance") ?? defaults.identityIssuer.clockSkewAllowance;
  const leaves: Choice = {
    why: "A proxy's certificate lives as long as it did.",
    settings: { issuanceLifetime, clockSkewAllowance },
  };
  if (issuer.by === "hand") {
    if (keyPem !== undefined) return [leaves];
    return [
      {
        why: "The issuer was made by hand, and nobody here has the key to make another one: docs/adoption.md says how to leave it before it ends.",
        settings: { identityIssuerSource: "secret" },
      },
      leaves,
    ];
  }
  const { issuerRef, duration, renewBefore } = issuer;
  const { group, kind, name } = issuerRef;
  return [
    ...(signsAsOurs(issuer)
      ? []
      : [
          {
            why: "What signs stays where it is, and whose it is.",
            settings: {
              identityIssuerRef: { ...(group === certManagerGroup ? {} : { group }), kind, name },
            },
          },
        ]),
    ...(duration === undefined && renewBefore === undefined
      ? []
      : [
          {
            why: "As the Certificate of the issuer has them.",
            settings: {
              ...(duration !== undefined && { issuerDuration: duration }),
              ...(renewBefore !== undefined && { issuerRenewBefore: renewBefore }),
            },
          },
        ]),
    leaves,
  ];
}

/** Whether an anchor signs by the names that this program gives it, so that it can be imported. */
function signsAsOurs(issuer: FoundIssuer): boolean {
  return (
    issuer.by === "certificate" &&
    issuer.issuerRef.name === trustAnchorName &&
    issuer.signsWith === trustAnchorName
  );
}

function certManagerOf({ hasCertManager }: Installation): Choice {
  return hasCertManager
    ? {
        why: "cert-manager stays with whoever has installed it.",
        settings: { installCertManager: false },
      }
    : { why: "cert-manager is not there, and is installed.", settings: { installCertManager: true } };
}

function chartsOf({ chart }: FoundRelease, crds: FoundRelease | undefined, given: Given): Choice {
  const isEdge = /^20\d\d\.|-edge$/.test(chart.version);
  const charts = { linkerdControlPlaneChart: chart, ...(crds && { linkerdCrdsChart: crds.chart }) };
  const settings: Record<string, string> = {};
  for (const [key, { name, version }] of Object.entries(charts)) {
    const source = chartSource(given(key) ?? name);
    if (source === "repository") {
      settings[key] = name;
      settings.linkerdChartRepository = isEdge
        ? defaults.controlPlane.chartRepository
        : "https://helm.linkerd.io/stable";
    }
    // An archive has a version of its own.
    if (source !== "local") settings[`${key}Version`] = version;
  }
  return { why: "What is installed: an upgrade is a change of its own, for later.", settings };
}

/** Without them, Helm would delete the definitions that it has installed, and with them every object of their kinds. */
function definitionsOf({ chart }: FoundRelease, crds: FoundRelease | undefined): readonly Choice[] {
  if (!crds?.hasGatewayApi || familyOf(chart.name, chart.version)?.gatewayApi === undefined) return [];
  return [
    {
      why: "The chart of definitions has installed the Gateway API's, and keeps them.",
      settings: { installGatewayApi: true },
    },
  ];
}

/** The values of the definitions, without those that switch the Gateway API's. */
function definitionValues({ chart }: FoundRelease, crds: FoundRelease | undefined): HelmValues {
  const { gatewayApi } = familyOf(chart.name, chart.version) ?? {};
  const switches = [...(gatewayApi?.switches ?? []), ...(gatewayApi?.olderSwitches ?? [])];
  return withoutPaths(crds?.values ?? {}, switches);
}

function valuesOf(linkerdControlPlaneValues: HelmValues, linkerdCrdsValues: HelmValues): readonly Choice[] {
  const settings = Object.fromEntries(
    Object.entries({ linkerdControlPlaneValues, linkerdCrdsValues }).filter(
      ([, values]) => Object.keys(values).length > 0,
    ),
  );
  return Object.keys(settings).length === 0
    ? []
    : [
        {
          why: "The Helm values of the installation, but for those that other settings here stand for.",
          settings,
        },
      ];
}
