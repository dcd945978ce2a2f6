/** What the tests of webhooks and of injected pods ask the API server. */
import { connect as connectTls } from "node:tls";
import type { V1PodSpec, V1SecurityContext } from "@kubernetes/client-node";
import type { Mesh } from "../../mesh/cluster.ts";
import { withPortForward } from "../../mesh/portForward.ts";

/** The pod that would be made of one that asks to be injected; fails if the API server does not admit it. */
export async function injectedPod(
  { core }: Mesh,
  namespace = "default",
  securityContext: V1SecurityContext = {},
): Promise<V1PodSpec> {
  const { spec } = await core.createNamespacedPod({
    namespace,
    dryRun: "All",
    body: {
      metadata: { name: "injected", annotations: { "linkerd.io/inject": "enabled" } },
      spec: { containers: [{ name: "app", image: "app", securityContext }] },
    },
  });
  return spec!;
}

/** The proxy of a pod, which is an init container if the kubelet starts it first. */
export const proxyOf = ({ containers, initContainers = [] }: V1PodSpec) =>
  [...containers, ...initContainers].find(({ name }) => name === "linkerd-proxy");

/** Each container of the cluster's namespace: which pod it is in, and how often it has been restarted. */
export async function containersOf({ core, namespace }: Mesh): Promise<string[]> {
  const { items } = await core.listNamespacedPod({ namespace });
  return items
    .flatMap(({ metadata, status }) =>
      (status!.containerStatuses ?? []).map(
        ({ name, restartCount }) => `${metadata!.uid} ${metadata!.name} ${name} ${restartCount}`,
      ),
    )
    .sort();
}

/** Serial number of the certificate that a pod serves. */
export async function servedSerialNumber(
  cluster: Mesh,
  labelSelector: string,
  port: number,
): Promise<string> {
  const { items } = await cluster.core.listNamespacedPod({ namespace: cluster.namespace, labelSelector });
  return withPortForward(
    cluster,
    items[0]!.metadata!.name!,
    port,
    (localPort) =>
      new Promise((done, failed) => {
        // Only the serial number matters here; the API server verifies the certificate.
        const socket = connectTls({ host: "127.0.0.1", port: localPort, rejectUnauthorized: false }, () => {
          done(socket.getPeerX509Certificate()!.serialNumber);
          socket.destroy();
        });
        socket.on("error", failed);
      }),
  );
}

/** Calls `ask` over and over until `change` has ended, and fails at once if either fails. Gives how often it was called. */
export async function askThroughout(
  ask: () => Promise<void>,
  change: (asked: () => number) => Promise<void>,
): Promise<number> {
  let asked = 0;
  let ended = false;
  const asking = (async () => {
    for (; !ended; asked++) await ask();
  })();
  try {
    const changing = change(() => asked);
    await Promise.race([asking, changing]);
    await changing;
  } finally {
    ended = true;
    await asking;
  }
  return asked;
}
