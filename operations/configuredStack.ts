/** A stack as it is set now, for the commands that look at its cluster and run its updates. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { resolve } from "../components/rotatingLinkerdArgs.ts";
import { configurationOf } from "../infra/config.ts";
import { connect, type Mesh } from "../mesh/cluster.ts";
import type { KubeConfigOptions } from "../mesh/kubeConfig.ts";
import { type Finding, verdictOf } from "../rules/finding.ts";
import { known } from "../rules/known.ts";
import type { Settings } from "../rules/settings/settings.ts";
import { readStack } from "./check/stack.ts";
import { Refused } from "./confirm.ts";
import { formatFindings } from "./format.ts";

/** A stack's settings, and its own cluster. */
export interface ConfiguredStack {
  readonly name: string;
  readonly settings: Settings;
  readonly kubeconfig: string | undefined;
  readonly mesh: Mesh;
}

/**
 * @param tolerates what is wrong with the stack, and is what a command is for.
 * @throws Error if the stack cannot be read, or is not sound.
 */
export async function readConfigured(
  stack: string | undefined,
  signal: AbortSignal,
  tolerates: (finding: Finding) => boolean = () => false,
): Promise<ConfiguredStack> {
  const text = await readStack(stack);
  if ("rule" in text) throw new Refused(formatFindings([text as Finding]));
  const { configuration, findings: all } = configurationOf(text);
  const findings = all.filter((finding) => !tolerates(finding));
  if (verdictOf(findings) === "error") {
    throw new Refused(formatFindings(findings.filter(({ severity }) => severity === "error")));
  }
  const settings: Settings = resolve(configuration.linkerd);
  const { kubeconfig, kubeContext: context } = configuration;
  return {
    name: stack ?? (await selectedStack()),
    settings,
    kubeconfig,
    mesh: meshOf({ kubeconfig, context }, settings, signal),
  };
}

/** Whether an anchor that is given has ended, or is about to, with which pulumi up refuses to go on. */
export const mayHaveEnded = ({ rule, field }: Finding): boolean =>
  field.startsWith("providedTrustAnchors.") &&
  ["expired", "anchor-outlives-issuer", "chain-outlives-issuer"].includes(rule);

/** A cluster, and the namespace that the settings give its control plane. */
export function meshOf(cluster: KubeConfigOptions, { controlPlane }: Settings, signal: AbortSignal): Mesh {
  return { ...connect({ ...cluster, signal }), namespace: known(controlPlane.namespace)! };
}

async function selectedStack(): Promise<string> {
  return (await promisify(execFile)("pulumi", ["stack", "--show-name", "--non-interactive"])).stdout.trim();
}
