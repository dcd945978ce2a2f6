/** Stands before the API server, and holds up whoever creates a certain Secret, until the test lets that go on. */
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { createServer, type IncomingMessage } from "node:http";
import { request as httpsRequest, type RequestOptions } from "node:https";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";
import { KubeConfig } from "@kubernetes/client-node";
import type { Cluster } from "../../mesh/cluster.ts";

export interface HeldCreations {
  /** The next creation that is held up; calling it lets that go on. */
  readonly next: () => Promise<() => void>;
  readonly stop: () => void;
}

/** @param file where the kubeconfig is to be written that leads here. */
export async function holdCreations(
  { kubeConfig }: Cluster,
  secretName: string,
  file: string,
): Promise<HeldCreations> {
  const options: RequestOptions = {};
  await kubeConfig.applyToHTTPSOptions(options);
  const { hostname, port } = new URL(kubeConfig.getCurrentCluster()!.server);
  const held: (() => void)[] = [];
  const awaited: ((admit: () => void) => void)[] = [];

  const forward = ({ method, url, headers }: IncomingMessage) =>
    httpsRequest({ ...options, hostname, port, method, path: url, headers });
  const server = createServer(async (request, response) => {
    const body = await buffer(request);
    if (request.method === "POST" && request.url?.includes("/secrets") && body.includes(secretName)) {
      await new Promise<void>((admit) => {
        const waiting = awaited.shift();
        if (waiting === undefined) held.push(admit);
        else waiting(admit);
      });
    }
    const forwarded = forward(request)
      .on("response", (answer) => answer.pipe(response.writeHead(answer.statusCode!, answer.headers)))
      .on("error", (error) => response.destroy(error));
    response.on("close", () => forwarded.destroy());
    forwarded.end(body);
  });
  // Ports of pods, by WebSocket.
  server.on("upgrade", (request, near) => {
    forward(request)
      .on("upgrade", ({ rawHeaders }, far) => {
        const headers = rawHeaders.map((text, index) => (index % 2 === 0 ? `${text}: ` : `${text}\r\n`));
        near.write(`HTTP/1.1 101 Switching Protocols\r\n${headers.join("")}\r\n`);
        far.on("error", () => near.destroy()).pipe(near);
        near.on("error", () => far.destroy()).pipe(far);
      })
      .on("error", () => near.destroy())
      .end();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");

  const leading = new KubeConfig();
  const { port: own } = server.address() as AddressInfo;
  leading.loadFromClusterAndUser(
    { name: "held", server: `http://127.0.0.1:${own}`, skipTLSVerify: false },
    { name: "held" },
  );
  writeFileSync(file, leading.exportConfig());
  return {
    next: () =>
      new Promise((taken) => {
        const admit = held.shift();
        if (admit === undefined) awaited.push(taken);
        else taken(admit);
      }),
    stop: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}
