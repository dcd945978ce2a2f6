/**
 * Looks whether the cluster fits the chosen Linkerd, before a release of Linkerd is registered with the engine.
 *
 * In a preview, the program asks before it registers anything, for half a second: that is enough for a cluster that is
 * near, and where none answers, the preview goes on. An update asks again, and waits for the answer.
 */
import * as pulumi from "@pulumi/pulumi";
import {
  familyOfControlPlane,
  type LinkerdControlPlaneSettings,
} from "../../components/linkerdControlPlane.ts";
import { defaultLinkerdNamespace, type RotatingLinkerdArgs } from "../../components/rotatingLinkerd.ts";
import { plain, requireSound } from "../../components/settings.ts";
import { type ChartFamily, gatewayApiDefinitions, hasCrdsChart } from "../../rules/charts/controlPlane.ts";
import type { Finding } from "../../rules/finding.ts";
import { broken } from "../../rules/rules.ts";
import { known, releaseType } from "./interruptedReleases.ts";
import { type Kubectl, kubectlFor } from "./kubectl.ts";

const previewTimeoutMilliseconds = 500;

const crdsRelease = "linkerd-crds";

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
  if (!hasCrdsChart(family)) return [];
  const fullName = (name: string) => `${name}.gateway.networking.k8s.io`;
  const annotation = (name: string) => `{.metadata.annotations.${name.replaceAll(".", "\\.")}}`;
  const release = `${annotation("meta.helm.sh/release-namespace")}/${annotation("meta.helm.sh/release-name")}`;
  const answer = await ask(
    kubectl,
    "get",
    "customresourcedefinitions",
    ...gatewayApiDefinitions.map(fullName),
    "--ignore-not-found",
    `--output=jsonpath={range .items[*]}{.metadata.name} ${release} ${annotation("helm.sh/resource-policy")}{"\\n"}{end}`,
  );
  if (answer === undefined) return [];
  const found = answer
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => line.split(" ") as [name: string, owner: string, policy?: string]);
  const definitions = (family.gatewayApi?.definitions ?? []).map(fullName);
  const removed = found
    .filter(
      ([name, by, policy]) => by === owner && policy !== "keep" && !(install && definitions.includes(name)),
    )
    .map(([name]) => name);
  if (removed.length > 0) return [removedDefinitions(removed, owner)];
  const present = found.filter(([name]) => definitions.includes(name));
  if (!install) {
    return present.length > 0 || family.gatewayApi?.isNeeded !== true ? [] : [absentDefinitions(family)];
  }
  return present
    .filter(([, foundOwner]) => foundOwner !== owner)
    .map(([name, foundOwner]) =>
      broken("gateway-api-owner", {
        field: "installGatewayApi",
        message:
          `It is true, and the definition ${name} is on the cluster already, ` +
          `${foundOwner === "/" ? "not from a Helm release" : `from the Helm release ${foundOwner}`}: it would have two owners.`,
        fix: "Set it to false: Linkerd uses the definitions that are there.",
      }),
    );
}

/** Charts before edge-25.3 do not tell Helm to keep them, and an upgrade deletes what the chart no longer has. */
function removedDefinitions(names: readonly string[], owner: string): Finding {
  return broken("gateway-api-removed", {
    field: "installGatewayApi",
    message:
      `The Helm release ${owner} has installed ${names.join(", ")}, and would now delete that, ` +
      "and with it every such route of the whole cluster.",
    fix:
      `Keep it: kubectl annotate customresourcedefinition ${names.join(" ")} helm.sh/resource-policy=keep. ` +
      "Or delete it yourself, where nobody uses it.",
  });
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
