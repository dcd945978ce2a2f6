/** The settings with which this program would install the Linkerd that is found, or why it cannot take that over. */
import { X509Certificate } from "node:crypto";
import { type HelmValues, valueAt } from "../../rules/charts/values.ts";
import { splitBundle } from "../../rules/credentials/bundle.ts";
import { configOverridesName, trustAnchorName } from "../../rules/linkerdNames.ts";
import { defaults } from "../../rules/settings/defaults.ts";
import { certManagerGroup } from "../../rules/settings/identityIssuer.ts";
import type { Choice } from "../choice.ts";
import type { Adoption, Given, Obstacle } from "./adoption.ts";
import { chartSettings, chartsIn, definitionSettings, definitionValues } from "./charts.ts";
import { clusterAnchorSettings } from "./clusterAnchor.ts";
import type { FoundIssuer, FoundRelease, Installation } from "./find.ts";
import { adoptionOfLostState } from "./lostState.ts";
import { bundleOf, chartObstacles, obstaclesOf } from "./obstacles.ts";
import { withoutKeys, withoutPaths } from "./values.ts";

/** Values for which settings of the program stand. */
const ownValues = [
  "clusterDomain",
  "identityTrustDomain",
  "identityTrustAnchorsPEM",
  "identity.issuer",
  "identity.externalCA",
  "installNamespace",
  "namespace",
];

/** What is known beside the cluster. */
export interface Sources {
  /** Key of the trust anchor, for an issuer that was made by hand; absent if it was not given. */
  readonly anchorKeyPem?: string | undefined;
  readonly given: Given;
  /** What the stack's file says. */
  readonly inFile: Given;
  /** How the Helm releases of this stack would say whose they are. */
  readonly installer: string;
}

export function adoptionOf(
  found: Installation,
  { anchorKeyPem, given, inFile, installer }: Sources,
): Adoption {
  const { controlPlane, crds, records, replaced, obstacles: unclear } = chartsIn(found, given, inFile);
  const upgrades = chartObstacles({ linkerdControlPlaneChart: controlPlane, linkerdCrdsChart: crds }, given);
  const isOwn = controlPlane?.description === installer;
  if (isOwn && upgrades.length === 0) {
    return adoptionOfLostState(found, JSON.parse(given("providedTrustAnchors") ?? "{}"));
  }
  const obstacles = [
    ...(isOwn ? [] : obstaclesOf(found, controlPlane, crds, installer)),
    ...unclear,
    ...upgrades,
    ...(anchorKeyPem !== undefined && found.issuer?.by === "certificate" ? [needlessKey] : []),
  ];
  if (controlPlane === undefined || found.issuer === undefined || obstacles.length > 0) {
    return { ...nothing, obstacles };
  }
  const { issuer, clusterAnchor, command, namespace } = found;
  const signer = anchorKeyPem ?? keyOfIssuer(found);
  const keyPem = signsAsOurs(issuer) ? found.keptAnchors[0]?.privateKeyPem : signer;
  const { plain, keys } = withoutKeys(withoutPaths(controlPlane.values, ownValues));
  return {
    ...nothing,
    choices: [
      ...placeOf(found),
      domainsOf(found, controlPlane),
      ...(clusterAnchor === undefined ? [anchorOf(found, keyPem)] : clusterAnchorSettings(clusterAnchor)),
      ...issuerOf(found, controlPlane, keyPem),
      {
        why: "The webhooks' credentials stay as they are. With true, cert-manager renews them: a change for later.",
        settings: { rotateWebhookCredentials: false },
      },
      certManagerOf(found),
      chartSettings(controlPlane, crds, given),
      ...definitionSettings(controlPlane, crds),
      ...valuesOf(plain, definitionValues(controlPlane, crds)),
    ].filter(({ settings }) => Object.keys(settings).length > 0),
    secrets: [
      ...(keyPem === undefined
        ? []
        : [{ path: ["providedTrustAnchors", "1", "privateKeyPem"], value: keyPem }]),
      ...keys.map(({ path, value }) => ({ path: ["linkerdControlPlaneValues", ...path], value })),
    ],
    left: [
      ...found.extensions.map(
        (release) => `Helm release ${release} goes on as it is, and is not the stack's.`,
      ),
      ...(command.hasOverrides
        ? [
            `Secret ${namespace}/${configOverridesName}, by which linkerd upgrade would undo what the stack does, and which holds the issuer's key. Delete it once the mesh is adopted.`,
          ]
        : []),
    ],
    records,
    replaced,
    ...(issuer.by === "hand" && issuer.scheme === "linkerd.io/tls"
      ? { issuerSecret: keyPem === undefined ? ("convert" as const) : ("keep" as const) }
      : {}),
    ...(clusterAnchor?.hasPreviousKey ? { previousKeyIn: clusterAnchor.namespace } : {}),
  };
}

const nothing: Adoption = { choices: [], secrets: [], obstacles: [], left: [], records: [], replaced: [] };

/** If it is given nothing, `linkerd install` makes one certificate, which is both the anchor and the issuer. */
function keyOfIssuer({ issuer, bundlePem = "" }: Installation): string | undefined {
  if (issuer?.by !== "hand" || bundleOf(issuer.certificatePem) !== bundleOf(bundlePem)) return undefined;
  return issuer.privateKeyPem;
}

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
  { issuer, clusterAnchor }: Installation,
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
  if (issuer?.by !== "certificate") {
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
    ...(signsAsOurs(issuer) || clusterAnchor !== undefined
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
