/** The text of a new stack's file. */
import { stringify } from "yaml";
import { defaults } from "../../rules/settings/defaults.ts";
import { type Choice, commentLines } from "../choice.ts";
import { characters, type Environment } from "./environments.ts";

/** Where the credentials come from, as docs/credentials.md has it. */
export const sources = ["stack", "cluster", "issuer", "secret"] as const;

/** What differs from stack to stack beside its environment. */
export interface StackChoices {
  readonly environment: Environment;
  /** Context of the kubeconfig. */
  readonly context: string;
  readonly trustDomain: string;
  readonly credentials: Credentials;
  /** Where the charts are instead of their publishers': a repository's URL, or `oci://…`. */
  readonly chartMirror?: string | undefined;
}

export type Credentials =
  | { readonly source: "stack" | "cluster" }
  /** `trustAnchor` is the path of the certificate in PEM, relative to the project's folder. */
  | { readonly source: "issuer"; readonly issuer: IssuerName; readonly trustAnchor: string }
  | { readonly source: "secret"; readonly trustAnchor: string };

/** A cert-manager issuer that is on the cluster. */
export interface IssuerName {
  readonly kind: string;
  readonly name: string;
}

/**
 * The file, with a comment on each choice; in the form in which Pulumi writes it, so that `pulumi stack init` and
 * `pulumi config set` change nothing but what they add.
 */
export function stackFile(project: string, choices: StackChoices): string {
  const { environment } = choices;
  const title = `${environment[0]!.toUpperCase()}${environment.slice(1)}`;
  const sections = choicesOf(choices).flatMap(({ why, settings }) => [
    ...commentLines(why, "  "),
    ...Object.entries(settings).flatMap(([key, value]) => setting(`${project}:${key}`, value)),
  ]);
  return `${[...commentLines(`${title}. ${characters[environment].purpose}`), "config:", ...sections].join("\n")}\n`;
}

function choicesOf({ environment, context, trustDomain, ...choices }: StackChoices): readonly Choice[] {
  const { protection, definitions, availability, lifetimes, patience } = characters[environment];
  return [
    {
      why: "The cluster, by its context in the kubeconfig: whoever runs Pulumi here needs one of this name, a pipeline too.",
      settings: { kubeContext: context },
    },
    {
      why: "The end of every identity's name. Choose it now: once the mesh runs, a change is refused.",
      settings: { trustDomain },
    },
    credentialsOf(choices.credentials),
    protection,
    definitions,
    availability,
    choices.credentials.source === "secret" ? leavesAlone(lifetimes) : lifetimes,
    patience,
    {
      why: "Pinned: a version goes from one environment to the next as a change of these lines, and nothing else.",
      settings: {
        certManagerChartVersion: defaults.certManager.chartVersion,
        ...(choices.credentials.source === "cluster"
          ? { trustManagerChartVersion: defaults.trustManager.chartVersion }
          : {}),
        linkerdCrdsChartVersion: defaults.crds.chartVersion,
        linkerdControlPlaneChartVersion: defaults.controlPlane.chartVersion,
      },
    },
    chartsOf(choices),
  ];
}

function credentialsOf(credentials: Credentials): Choice {
  switch (credentials.source) {
    case "stack":
      return {
        why: "Pulumi makes the trust anchor, and keeps its key encrypted in the state. No other stack has the same.",
        settings: { trustAnchorSource: "stack" },
      };
    case "cluster":
      return {
        why: "cert-manager makes the trust anchor, whose key never leaves the cluster; trust-manager distributes it.",
        settings: { trustAnchorSource: "cluster" },
      };
    case "issuer":
      return {
        why: "An issuer that someone else runs signs, below a trust anchor of which only the certificate is here.",
        settings: {
          identityIssuerRef: credentials.issuer,
          providedTrustAnchors: { "1": { certificateFile: credentials.trustAnchor } },
        },
      };
    case "secret":
      return {
        why: "Someone else writes and renews the Secret linkerd-identity-issuer; of the trust anchor, only the certificate is here.",
        settings: {
          identityIssuerSource: "secret",
          providedTrustAnchors: { "1": { certificateFile: credentials.trustAnchor } },
        },
      };
  }
}

/** Without the issuer's, which are set by whoever writes the Secret. */
function leavesAlone({ settings: { issuanceLifetime } }: Choice): Choice {
  return {
    why: "A proxy's certificate lives as long; the issuer in the Secret is to be renewed longer before its end than that.",
    settings: { issuanceLifetime },
  };
}

function chartsOf({ chartMirror, credentials }: Pick<StackChoices, "chartMirror" | "credentials">): Choice {
  if (chartMirror === undefined) {
    return {
      why: "The charts come from their publishers; a mirror of your own goes on when those are down.",
      settings: {
        certManagerChartRepository: defaults.certManager.chartRepository,
        linkerdChartRepository: defaults.controlPlane.chartRepository,
      },
    };
  }
  if (!chartMirror.startsWith("oci://")) {
    return {
      why: "The charts come from a mirror of your own.",
      settings: { certManagerChartRepository: chartMirror, linkerdChartRepository: chartMirror },
    };
  }
  const charts = {
    certManagerChart: defaults.certManager.chart,
    ...(credentials.source === "cluster" ? { trustManagerChart: defaults.trustManager.chart } : {}),
    linkerdCrdsChart: defaults.crds.chart,
    linkerdControlPlaneChart: defaults.controlPlane.chart,
  };
  const folder = chartMirror.replace(/\/+$/, "");
  return {
    why: "The charts come from a registry of your own, to which `helm registry login` has logged in.",
    settings: Object.fromEntries(Object.entries(charts).map(([key, chart]) => [key, `${folder}/${chart}`])),
  };
}

/** A setting as Pulumi writes it: numbers and booleans as texts, and lines of any length. */
function setting(key: string, value: unknown): string[] {
  const text = typeof value === "object" ? value : String(value);
  return stringify({ [key]: text }, { lineWidth: 0 })
    .trimEnd()
    .split("\n")
    .map((line) => `  ${line}`);
}
