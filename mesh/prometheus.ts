/** What the viz extension's Prometheus has heard of the proxies' leaves: of all pods at once, at the cost of one request. */
import { failedRefreshes, leafEnds, leafRefreshes } from "../rules/alerts/queries.ts";
import type { Mesh } from "./cluster.ts";
import { withPortForward } from "./portForward.ts";
import { fetchText } from "./proxyLeaf.ts";
import { found } from "./requests.ts";

const namespaceSelector = "linkerd.io/extension=viz";
const podSelector = "linkerd.io/extension=viz,component=prometheus";
const port = 9090;

/** What one pod's proxy says of its leaf. */
interface LeafReport {
  readonly namespace: string;
  readonly name: string;
  /** When it was refreshed last; absent from what old proxies say. */
  readonly from?: Date | undefined;
  readonly end: Date;
  /** Refreshes that have failed since its start. */
  readonly failedRefreshes: number;
}

export interface LeafReports {
  readonly reports: readonly LeafReport[];
  /** Why they could not be read. */
  readonly failure?: string;
}

/** `undefined` if the mesh has no Prometheus of viz'. */
export async function readLeafReports(mesh: Mesh): Promise<LeafReports | undefined> {
  const { core, signal } = mesh;
  const namespaces = await found(
    `Namespaces with ${namespaceSelector}`,
    core.listNamespace({ labelSelector: namespaceSelector }),
  );
  for (const { metadata } of namespaces?.items ?? []) {
    const namespace = metadata!.name!;
    const pods = await found(
      `Pods of namespace ${namespace}`,
      core.listNamespacedPod({ namespace, labelSelector: podSelector }),
    );
    const pod = pods?.items.find(({ status }) => status?.phase === "Running")?.metadata?.name;
    if (pod === undefined) continue;
    try {
      return await withPortForward({ ...mesh, namespace }, pod, port, async (localPort) => {
        const query = async (expression: string) => {
          const url = `http://127.0.0.1:${localPort}/api/v1/query?${new URLSearchParams({ query: expression })}`;
          return parseVector(await fetchText(url, signal));
        };
        const byPod = async (expression: string) =>
          new Map(
            (await query(expression)).map(({ namespace: of, pod: name, value }) => [`${of}/${name}`, value]),
          );
        const [from, failed] = [await byPod(leafRefreshes), await byPod(failedRefreshes)];
        const reports = (await query(leafEnds)).map(({ namespace: of, pod: name, value }): LeafReport => {
          const start = from.get(`${of}/${name}`);
          return {
            namespace: of,
            name,
            from: start === undefined ? undefined : new Date(start * 1000),
            end: new Date(value * 1000),
            failedRefreshes: failed.get(`${of}/${name}`) ?? 0,
          };
        });
        return { reports };
      });
    } catch (error) {
      if (signal.aborted) throw error;
      return { reports: [], failure: (error as Error).message };
    }
  }
  return undefined;
}

interface Sample {
  readonly namespace: string;
  readonly pod: string;
  readonly value: number;
}

/** The samples of an instant query's answer, as Prometheus' HTTP API documents it. */
export function parseVector(answer: string): readonly Sample[] {
  const { status, error, data } = JSON.parse(answer) as {
    readonly status: string;
    readonly error?: string;
    readonly data?: {
      readonly result: readonly {
        readonly metric: { readonly namespace?: string; readonly pod?: string };
        readonly value: readonly [time: number, value: string];
      }[];
    };
  };
  if (status !== "success") throw new Error(`Prometheus refuses the query: ${error}`);
  return (data?.result ?? []).map(({ metric: { namespace = "", pod = "" }, value }) => ({
    namespace,
    pod,
    value: Number(value[1]),
  }));
}
