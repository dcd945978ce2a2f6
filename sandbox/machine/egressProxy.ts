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
import { serviceCidr } from "./network.ts";
import type { Services } from "./services.ts";

const serviceAddresses = new BlockList();
const [serviceNetwork = "", servicePrefix] = serviceCidr.split("/");
serviceAddresses.addSubnet(serviceNetwork, Number(servicePrefix));
const isServiceAddress = (host: string) => isIPv4(host) && serviceAddresses.check(host);

/** Starts the proxy on a Unix socket. */
export async function startEgressProxy(services: Services, socket: string): Promise<void> {
  const findTarget = targetFinder(services);
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

/** Gives a function that says where a connection to `<address>:<port>` leads; `turn` chooses among the ready endpoints. */
function targetFinder(services: Services) {
  return (authority: string, turn: number): { address: string; port: number } | undefined => {
    const [host = "", portText = ""] = authority.split(":");
    const port = Number(portText);
    const service = services.list().find(({ spec }) => spec?.clusterIP === host);
    if (!service) return isServiceAddress(host) ? undefined : { address: host, port };
    const name = service.spec?.ports?.find((candidate) => candidate.port === port)?.name ?? "";
    const targets = services.endpoints(service).flatMap(({ address, ports }) => {
      const targetPort = ports.find((candidate) => (candidate.name ?? "") === name)?.port;
      return targetPort === undefined ? [] : [{ address, port: targetPort }];
    });
    return targets[turn % targets.length];
  };
}
