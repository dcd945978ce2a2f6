/** Scrape configurations of Prometheus, made of PodMonitors as the Prometheus Operator makes them. */

export interface PodMonitor {
  readonly metadata: { readonly namespace: string; readonly name: string };
  readonly spec: {
    readonly namespaceSelector?: { readonly any?: boolean; readonly matchNames?: readonly string[] };
    readonly selector: { readonly matchLabels?: Readonly<Record<string, string>> };
    readonly podMetricsEndpoints: readonly {
      readonly port?: string;
      readonly relabelings?: readonly Relabeling[];
    }[];
  };
}

interface Relabeling {
  readonly sourceLabels?: readonly string[];
  readonly targetLabel?: string;
  readonly regex?: string;
  readonly replacement?: string;
  readonly action?: string;
}

/** How to reach the API server: its address, and what Prometheus calls a client's credentials. */
export interface ApiServer {
  readonly address: string;
  readonly kubeconfig: string;
  readonly tls: object;
}

const meta = "__meta_kubernetes_";

/** Prometheus runs beside the sandbox: it reaches each pod by the API server, which hands its requests on. */
export function scrapeOf({ metadata, spec }: PodMonitor, api: ApiServer): object {
  const { namespaceSelector: { any = false, matchNames } = {}, selector, podMetricsEndpoints } = spec;
  const [{ port, relabelings = [] } = {}] = podMetricsEndpoints;
  const job = `${metadata.namespace}/${metadata.name}`;
  const names = matchNames ?? [metadata.namespace];
  return {
    job_name: job,
    scheme: "https",
    tls_config: api.tls,
    kubernetes_sd_configs: [
      { role: "pod", kubeconfig_file: api.kubeconfig, ...(any ? {} : { namespaces: { names } }) },
    ],
    relabel_configs: [
      { source_labels: [`${meta}pod_phase`], regex: "Failed|Succeeded", action: "drop" },
      ...Object.entries(selector.matchLabels ?? {}).map(([label, value]) => ({
        source_labels: [`${meta}pod_label_${label.replaceAll(/[^\w]/g, "_")}`],
        ...{ regex: value, action: "keep" },
      })),
      ...(port === undefined
        ? []
        : [{ source_labels: [`${meta}pod_container_port_name`], regex: port, action: "keep" }]),
      ...Object.entries({ namespace: "namespace", pod_name: "pod", pod_container_name: "container" }).map(
        ([label, target]) => ({ source_labels: [`${meta}${label}`], target_label: target }),
      ),
      { target_label: "job", replacement: job },
      ...relabelings.map(({ sourceLabels, targetLabel, ...rest }) => ({
        ...(sourceLabels && { source_labels: sourceLabels }),
        ...(targetLabel && { target_label: targetLabel }),
        ...rest,
      })),
      {
        source_labels: ["namespace", "pod_name", "pod_container_port_number"].map(
          (label) => `${meta}${label}`,
        ),
        regex: "(.+);(.+);(.+)",
        target_label: "__metrics_path__",
        replacement: "/api/v1/namespaces/$1/pods/$2:$3/proxy/metrics",
      },
      { source_labels: [`${meta}pod_name`], target_label: "instance" },
      { target_label: "__address__", replacement: api.address },
    ],
  };
}
