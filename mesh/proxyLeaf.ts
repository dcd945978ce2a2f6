/**
 * The certificate that a meshed pod's proxy has now: its admin port serves it by TLS, as `linkerd identity` reads it.
 *
 * It is looked at, and not trusted: a proxy whose leaf has ended, or is someone else's, is what is sought.
 */
import { get } from "node:http";
import { text } from "node:stream/consumers";
import type { ParsedCertificate } from "../rules/credentials/certificate.ts";
import { proxyContainerName } from "../rules/linkerdNames.ts";
import type { Mesh } from "./cluster.ts";
import type { MeshedPod } from "./meshedPods.ts";
import { withPortForward } from "./portForward.ts";
import { found } from "./requests.ts";
import { servedCertificates } from "./servedCertificate.ts";

/** Every proxy has it, whatever else it is told. */
const adminPort = 4191;
/** As many port forwards at a time as an API server takes from one user without a word. */
const atOnce = 16;

/** What a proxy says about its own credentials. */
export interface ProxyLeaf {
  readonly pod: MeshedPod;
  readonly leaf?: ParsedCertificate;
  readonly intermediates: readonly ParsedCertificate[];
  /** Refreshes that have failed since its start; absent if it does not count them. */
  readonly failedRefreshes?: number | undefined;
  /** Why there is no leaf. */
  readonly failure?: string;
  /** Whether the proxy has said of itself that it is not ready: it need not have a leaf yet. */
  readonly isStarting?: boolean;
}

/**
 * Asks each of these pods' proxies, some at a time.
 *
 * @returns an answer for each, in their order, but for those that have gone since they were listed.
 */
export async function readLeaves(
  mesh: Mesh,
  trustDomain: string,
  pods: readonly MeshedPod[],
): Promise<readonly ProxyLeaf[]> {
  const answers: (ProxyLeaf | undefined)[] = [];
  const waiting = [...pods.entries()];
  const ask = async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const [place, pod] = next;
      answers[place] = await readLeaf(mesh, trustDomain, pod);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, ask));
  return answers.filter((answer) => answer !== undefined);
}

/** `undefined` if the pod is not there any more. */
async function readLeaf(mesh: Mesh, trustDomain: string, pod: MeshedPod): Promise<ProxyLeaf | undefined> {
  const { namespace, name } = pod;
  const find = () => found(`Pod ${namespace}/${name}`, mesh.core.readNamespacedPod({ name, namespace }));
  let isStarting = false;
  try {
    const present = await find();
    if (present === undefined) return undefined;
    const { spec, status } = present;
    const containers = [...(status?.containerStatuses ?? []), ...(status?.initContainerStatuses ?? [])];
    isStarting = containers.find((one) => one.name === proxyContainerName)?.ready !== true;
    // The proxy answers by TLS to its own name alone.
    const account = spec?.serviceAccountName ?? "default";
    const identity = `${account}.${namespace}.serviceaccount.identity.${mesh.namespace}.${trustDomain}`;
    return await withPortForward({ ...mesh, namespace }, name, adminPort, async (localPort) => {
      const [leaf, ...intermediates] = await servedCertificates(localPort, identity, mesh.signal);
      // Without metrics, there is a leaf all the same.
      const metrics = await fetchText(`http://127.0.0.1:${localPort}/metrics`, mesh.signal).catch(() => "");
      return { pod, leaf: leaf!, intermediates, failedRefreshes: failedRefreshes(metrics) };
    });
  } catch (error) {
    if (mesh.signal.aborted) throw error;
    // It may have gone while it was asked; what else went wrong is told as it was.
    if ((await find().catch(() => pod)) === undefined) return undefined;
    return { pod, intermediates: [], failure: (error as Error).message, isStarting };
  }
}

/** Linkerd's documentation and many alerts still have the second name. */
const refreshCounters = ["control_identity_cert_refreshes_total", "identity_cert_refreshes_total"];

/** `undefined` if the metrics do not count refreshes by their result. */
export function failedRefreshes(metrics: string): number | undefined {
  const counted = metrics
    .split("\n")
    .map((line) => /^(\w+)\{([^}]*)\} (\S+)$/.exec(line))
    .filter((line) => refreshCounters.includes(line?.[1] ?? ""));
  if (counted.length === 0) return undefined;
  const failed = counted.filter((line) => /(^|,)result="error"(,|$)/.test(line![2]!));
  return failed.reduce((sum, line) => sum + Number(line![3]), 0);
}

/** What a server on this machine's loopback answers, such as a forwarded port. */
export function fetchText(url: string, signal: AbortSignal): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const request = get(url, { signal, agent: false }, (response) => text(response).then(resolve, reject));
  request.on("error", reject);
  return promise;
}
