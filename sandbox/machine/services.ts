/** The cluster's Services and the pods behind them, as the API server shows them. */
import {
  CoreV1Api,
  DiscoveryV1Api,
  type DiscoveryV1EndpointPort,
  type KubeConfig,
  makeInformer,
  type V1Service,
} from "@kubernetes/client-node";

/** A ready pod of a Service, with the ports that the Service names. */
interface Endpoint {
  readonly address: string;
  readonly ports: readonly DiscoveryV1EndpointPort[];
}

export interface Services {
  list(namespace?: string): readonly V1Service[];
  endpoints(service: V1Service): readonly Endpoint[];
}

/** Follows Services and EndpointSlices until the process ends. */
export async function followServices(config: KubeConfig): Promise<Services> {
  const core = config.makeApiClient(CoreV1Api);
  const discovery = config.makeApiClient(DiscoveryV1Api);
  const services = makeInformer(config, "/api/v1/services", () => core.listServiceForAllNamespaces());
  const slices = makeInformer(config, "/apis/discovery.k8s.io/v1/endpointslices", () =>
    discovery.listEndpointSliceForAllNamespaces(),
  );
  for (const informer of [services, slices]) {
    // The API server ends watches now and then; a watch that ends is started again.
    informer.on("error", () => setTimeout(() => void informer.start(), 1000));
    await informer.start();
  }
  return {
    list: (namespace) => services.list(namespace),
    endpoints: ({ metadata }) =>
      slices
        .list(metadata?.namespace)
        .filter((slice) => slice.metadata?.labels?.["kubernetes.io/service-name"] === metadata?.name)
        // A Service without pods has null in the place of both.
        .flatMap(({ endpoints, ports }) =>
          (endpoints ?? [])
            .filter(({ conditions }) => conditions?.ready !== false)
            .map(({ addresses }) => ({ address: addresses[0]!, ports: ports ?? [] })),
        ),
  };
}
