/** Asking the stack's cluster, before anything of it is changed. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import * as pulumi from "@pulumi/pulumi";

/** Runs kubectl on the stack's cluster, and gives its output. */
export type Kubectl = (...args: string[]) => Promise<string>;

/**
 * kubectl with the kubeconfig and context that the stack names; each absent: as kubectl finds it.
 *
 * @param timeoutMilliseconds after which it is killed. Defaults to 0: never.
 */
export function kubectlFor(
  kubeconfig: string | undefined,
  context: string | undefined,
  timeoutMilliseconds = 0,
): Kubectl {
  return async (...args) => {
    const { stdout } = await promisify(execFile)(
      "kubectl",
      context === undefined ? args : ["--context", context, ...args],
      {
        env: kubeconfig === undefined ? process.env : { ...process.env, KUBECONFIG: kubeconfig },
        maxBuffer: 256 * 1024 * 1024,
        timeout: timeoutMilliseconds,
      },
    );
    return stdout;
  };
}

/**
 * Lets no resource be registered in an update on a machine without kubectl: neither the issuer nor what an interrupted
 * run has left could be looked at. A preview does without.
 */
export function requireKubectl(kubectl: Kubectl): pulumi.ResourceTransform {
  let answered: Promise<void> | undefined;
  return async () => {
    if (pulumi.runtime.isDryRun()) return undefined;
    answered ??= checkKubectl(kubectl);
    await answered;
    return undefined;
  };
}

/** @throws pulumi.RunError where kubectl cannot be run. */
export async function checkKubectl(kubectl: Kubectl): Promise<void> {
  try {
    await kubectl("version", "--client");
  } catch (error) {
    throw new pulumi.RunError(
      `kubectl cannot be run (${(error as Error).message.trim()}), and nothing is changed without it: through it the ` +
        "credentials that the cluster holds are checked before the control plane is touched. Install it, and put it on PATH.",
    );
  }
}
