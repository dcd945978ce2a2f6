/** A port of a pod, reached from here through the API server, as `kubectl port-forward` does. */
import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { Writable } from "node:stream";
import { PortForward } from "@kubernetes/client-node";
import type { Mesh } from "./cluster.ts";

/**
 * Runs `use` with a port on 127.0.0.1 that leads to `port` of the pod, and closes it afterwards, whatever happens.
 *
 * @throws Error what `use` throws, or why the cluster refused or dropped the connection that `use` needed.
 */
export async function withPortForward<T>(
  mesh: Mesh,
  podName: string,
  port: number,
  use: (localPort: number) => Promise<T>,
): Promise<T> {
  const sockets = new Set<Socket>();
  let failure: string | undefined;
  const server = createServer((socket) => {
    sockets.add(socket);
    // Either end may reset the connection; what that means is for `use` to say.
    socket.on("error", () => {});
    const fail = (reason: string) => {
      failure ??= `Port ${port} of pod ${mesh.namespace}/${podName} cannot be reached: ${reason}`;
      socket.destroy();
    };
    forward(mesh, podName, port, socket, fail).catch((error) => fail(refusal(error)));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  try {
    return await use((server.address() as AddressInfo).port);
  } catch (error) {
    throw failure === undefined ? error : new Error(failure, { cause: error });
  } finally {
    for (const socket of sockets) socket.destroy();
    server.close();
  }
}

async function forward(
  mesh: Mesh,
  podName: string,
  port: number,
  socket: Socket,
  onFailure: (reason: string) => void,
): Promise<void> {
  const errors = new Writable({
    write(chunk: Buffer, _encoding, done) {
      if (chunk.length > 0) onFailure(chunk.toString());
      done();
    },
  });
  const portForward = new PortForward(mesh.kubeConfig);
  const connection = await portForward.portForward(mesh.namespace, podName, [port], socket, errors, socket);
  // It is a function only if reconnecting was asked for.
  const webSocket = connection as Exclude<typeof connection, () => unknown>;
  webSocket.addEventListener("close", () => socket.destroy());
  if (socket.destroyed) webSocket.terminate();
  else socket.once("close", () => webSocket.terminate());
}

/** A refused WebSocket handshake is reported by an event, not by an error. */
function refusal(error: unknown): string {
  const { message } = error as { message?: string };
  if (message?.includes(" 403")) {
    return `${message}: the user needs "get" and "create" on pods/portforward in this namespace.`;
  }
  return message ?? String(error);
}
