/**
 * How the API server reaches webhooks, aggregated APIs and kubelets: an HTTP CONNECT proxy that follows Services.
 *
 * There is no kube-proxy in the machine, so nothing answers on a Service's address. The API server asks this proxy for
 * `<address>:<port>`; a Service's address leads to one of its ready endpoints, any other address to itself. A Service
 * without a ready endpoint is refused at once with 502, as a cluster's network refuses it.
 */
import { once } from "node:events";
import { createServer } from "node:http";
import { BlockList, connect, isIPv4 } from "node:net";
import { CoreV1Api, DiscoveryV1Api, type KubeConfig, makeInformer } from "@kubernetes/client-node";
import { serviceCidr } from "./network.ts";

const serviceAddresses = new BlockList();
const [serviceNetwork = "", servicePrefix] = serviceCidr.split("/");
serviceAddresses.addSubnet(serviceNetwork, Number(servicePrefix));
const isServiceAddress = (host: string) => isIPv4(host) && serviceAddresses.check(host);

/** Starts the proxy on a Unix socket, and follows Services and EndpointSlices until the process ends. */
export async function startEgressProxy(config: KubeConfig, socket: string): Promise<void> {
  const findTarget = await followServices(config);
  const server = createServer((_, response) => response.writeHead(405).end());
  let turn = 0;
  server.on("connect", (request, client, head) => {
    client.on("error", () => client.destroy());
    const target = findTarget(request.url ?? "", turn++);
    if (!target) return void client.end("HTTP/1.1 502 No ready endpoint\r\n\r\n");
    const upstream = connect(target.port, target.address, () => {
      client.write("HTTP/1.1 200 OK\r\n\r\n");
      if (head.length > 0) upstream.write(head);
      upstream.pipe(client);
      client.pipe(upstream);
    });
    upstream.on("error", () => {
      if (upstream.connecting || upstream.bytesRead === 0)
        client.end("HTTP/1.1 502 Connection failed\r\n\r\n");
      client.end();
    });
    upstream.on("close", () => client.end());
    client.on("close", () => upstream.destroy());
  });
  await once(server.listen(socket), "listening");
}

async function followServices(config: KubeConfig) {
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

  return (authority: string, turn: number): { address: string; port: number } | undefined => {
    const [host = "", portText = ""] = authority.split(":");
    const port = Number(portText);
    const service = services.list().find(({ spec }) => spec?.clusterIP === host);
    if (!service) return isServiceAddress(host) ? undefined : { address: host, port };
    const name = service.spec?.ports?.find((candidate) => candidate.port === port)?.name ?? "";
    const targets = slices
      .list(service.metadata?.namespace)
      .filter(({ metadata }) => metadata?.labels?.["kubernetes.io/service-name"] === service.metadata?.name)
      .flatMap((slice) => {
        const targetPort = slice.ports?.find((candidate) => (candidate.name ?? "") === name)?.port;
        if (targetPort === undefined) return [];
        const ready = (slice.endpoints ?? []).filter(({ conditions }) => conditions?.ready !== false);
        return ready.map(({ addresses }) => ({ address: addresses[0]!, port: targetPort }));
      });
    return targets[turn % targets.length];
  };
}
