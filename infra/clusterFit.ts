/**
 * Looks whether the cluster fits the chosen Linkerd, before a release of Linkerd is registered with the engine.
 *
 * In a preview, the program asks before it registers anything, for half a second: that is enough for a cluster that is
 * near, and where none answers, the preview goes on. An update asks again, and waits for the answer.
 */
import * as pulumi from "@pulumi/pulumi";
import { type ChartFamily, hasCrdsChart } from "../components/chartFamilies.ts";
import { familyOfControlPlane, type LinkerdControlPlaneSettings } from "../components/linkerdControlPlane.ts";
import type { Finding } from "../components/pki/finding.ts";
import { broken } from "../components/pki/rules.ts";
import { defaultLinkerdNamespace, type RotatingLinkerdArgs } from "../components/rotatingLinkerd.ts";
import { plain, requireSound } from "../components/settings.ts";
import { known, releaseType } from "./interruptedReleases.ts";
import { type Kubectl, kubectlFor } from "./kubectl.ts";

const previewTimeoutMilliseconds = 500;

const crdsRelease = "linkerd-crds";

/** Definitions of gateway.networking.k8s.io that each value of linkerd-crds installs. */
const definitionsBy = {
  enableHttpRoutes: ["httproutes"],
  installGatewayAPI: ["grpcroutes", "httproutes", "tcproutes", "tlsroutes"],
} as const;

/**
 * In a preview: checks the cluster that the stack names, where it answers in time.
 *
 * @throws pulumi.RunError with what does not fit.
 */
export async function previewFit(
  kubeconfig: string | undefined,
  context: string | undefined,
  settings: RotatingLinkerdArgs,
): Promise<void> {
  if (!pulumi.runtime.isDryRun()) return;
  const kubectl = kubectlFor(kubeconfig, context, previewTimeoutMilliseconds);
  const namespace = plain(settings.linkerdNamespace) ?? defaultLinkerdNamespace;
  requireSound(await checkFit(kubectl, settings, namespace));
}

/** Lets no release of Linkerd be registered in an update before the cluster has been found to fit it. */
export function requireFit(
  kubectl: Kubectl,
  settings: LinkerdControlPlaneSettings,
): pulumi.ResourceTransform {
  return async ({ type, props: { name, namespace } }) => {
    if (type === releaseType && !pulumi.runtime.isDryRun()) {
      await checkFitOf(kubectl, settings, await known({ name, namespace }));
    }
    return undefined;
  };
}

/**
 * Before a release: passes where it is none of Linkerd's, and where kubectl cannot tell.
 *
 * @throws pulumi.RunError with what does not fit.
 */
export async function checkFitOf(
  kubectl: Kubectl,
  settings: LinkerdControlPlaneSettings,
  release: { readonly name: string; readonly namespace: string },
): Promise<void> {
  if (release.name !== crdsRelease && release.name !== familyOfControlPlane(settings)?.chart) return;
  requireSound(await checkFit(kubectl, settings, release.namespace));
}

async function checkFit(
  kubectl: Kubectl,
  settings: LinkerdControlPlaneSettings,
  namespace: string,
): Promise<Finding[]> {
  const family = familyOfControlPlane(settings);
  if (family === undefined) return [];
  const findings = await Promise.all([
    checkKubernetes(kubectl, family),
    checkGatewayApi(kubectl, family, settings.installGatewayApi ?? false, `${namespace}/${crdsRelease}`),
  ]);
  return findings.flat();
}

async function checkKubernetes(kubectl: Kubectl, { linkerd, kubernetes }: ChartFamily): Promise<Finding[]> {
  const answer = await ask(kubectl, "get", "--raw", "/version");
  if (answer === undefined) return [];
  const { gitVersion, minor } = JSON.parse(answer) as { gitVersion: string; minor: string };
  // A provider's own build can have a minor version such as "31+".
  const number = Number.parseInt(minor, 10);
  const { from, through, why } = kubernetes;
  if (number >= from && number <= (through ?? number)) return [];
  const range = through === undefined ? `1.${from} or newer` : `1.${from} to 1.${through}`;
  return [
    broken("kubernetes-version", {
      field: "linkerdControlPlaneChartVersion",
      message:
        `Linkerd ${linkerd} needs Kubernetes ${range}, and the cluster runs ${gitVersion}` +
        `${why === undefined ? "" : `: ${why}`}.`,
      fix: "Choose a Linkerd that fits (docs/versions.md), or another cluster.",
    }),
  ];
}

async function checkGatewayApi(
  kubectl: Kubectl,
  family: ChartFamily,
  install: boolean,
  owner: string,
): Promise<Finding[]> {
  if (!hasCrdsChart(family) || family.gatewayApi === undefined) return [];
  const definitions = definitionsBy[family.gatewayApi].map((name) => `${name}.gateway.networking.k8s.io`);
  const annotation = (name: string) => `{.metadata.annotations.meta\\.helm\\.sh/${name}}`;
  const line = `{.metadata.name} ${annotation("release-namespace")}/${annotation("release-name")}{"\\n"}`;
  const answer = await ask(
    kubectl,
    "get",
    "customresourcedefinitions",
    // A second name makes kubectl answer with a list, even where there is one definition to look for.
    ...new Set([...definitions, "gateways.gateway.networking.k8s.io"]),
    "--ignore-not-found",
    `--output=jsonpath={range .items[*]}${line}{end}`,
  );
  if (answer === undefined) return [];
  const owners = answer
    .split("\n")
    .map((text) => text.split(" ") as [string, string])
    .filter(([name]) => definitions.includes(name));
  // An older Linkerd works without, and its linkerd check does not look for them.
  const isNeeded = family.gatewayApi === "installGatewayAPI";
  if (!install) return owners.length > 0 || !isNeeded ? [] : [absentDefinitions(family)];
  return owners
    .filter(([, found]) => found !== owner)
    .map(([name, found]) =>
      broken("gateway-api-owner", {
        field: "installGatewayApi",
        message:
          `It is true, and the definition ${name} is on the cluster already, ` +
          `${found === "/" ? "not from a Helm release" : `from the Helm release ${found}`}: it would have two owners.`,
        fix: "Set it to false: Linkerd uses the definitions that are there.",
      }),
    );
}

function absentDefinitions({ linkerd }: ChartFamily): Finding {
  return broken("gateway-api-absent", {
    field: "installGatewayApi",
    message: `It is false, and the cluster has no definitions of the Gateway API, which Linkerd ${linkerd} looks for.`,
    fix: "Install the Gateway API, or set installGatewayApi to true.",
  });
}

/** kubectl's output; `undefined` where it cannot tell. */
async function ask(kubectl: Kubectl, ...args: string[]): Promise<string | undefined> {
  try {
    return await kubectl(...args);
  } catch (error) {
    pulumi.log.debug(`kubectl ${args.join(" ")}: ${(error as Error).message}`);
    return undefined;
  }
}
