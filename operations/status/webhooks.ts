/** The webhooks of Linkerd's control plane: their certificates as stored, as served, and as the API server verifies them. */
import type { V1MutatingWebhook, V1Pod, V1Service, V1ValidatingWebhook } from "@kubernetes/client-node";
import { conditionOf } from "../../mesh/certManager.ts";
import type { Mesh } from "../../mesh/cluster.ts";
import { withPortForward } from "../../mesh/portForward.ts";
import { found, ifAllowed, requested } from "../../mesh/requests.ts";
import { servedCertificates } from "../../mesh/servedCertificate.ts";
import { readStoredCertificate } from "../../mesh/storedCertificate.ts";
import { certificatesOf } from "../../mesh/trust.ts";
import type { ParsedCertificate } from "../../rules/credentials/certificate.ts";
import { controlPlaneWebhooks, type Webhook, webhookServerName } from "../../rules/linkerdNames.ts";
import type { Credential } from "./renewal.ts";

export interface WebhookCredential extends Credential {
  readonly name: string;
  /** The name by which the API server calls the webhook. */
  readonly serverName: string;
  /** What the API server verifies the certificate against. */
  readonly caBundle: readonly ParsedCertificate[];
  /** What each ready pod of the webhook answers with. */
  readonly served: readonly ServedCertificate[];
}

export interface ServedCertificate {
  readonly podName: string;
  /** The certificate, and what is sent behind it. */
  readonly chain?: readonly ParsedCertificate[];
  /** Why there is none. */
  readonly failure?: string;
}

/** Those that this version of Linkerd has. */
export async function readWebhooks(
  mesh: Mesh,
  onForbidden: (reason: string) => void,
): Promise<readonly WebhookCredential[]> {
  const webhooks = controlPlaneWebhooks.map((webhook) => readWebhook(mesh, webhook, onForbidden));
  return (await Promise.all(webhooks)).filter((webhook) => webhook !== undefined);
}

async function readWebhook(
  mesh: Mesh,
  { valuesKey, serviceName, secretName, configuration: { kind, name } }: Webhook,
  onForbidden: (reason: string) => void,
): Promise<WebhookCredential | undefined> {
  const { admission, namespace } = mesh;
  const field = `${kind}WebhookConfiguration ${name}`;
  const [stored, configuration] = await Promise.all([
    readStoredCertificate(mesh, secretName),
    ifAllowed(
      found<{ webhooks?: (V1MutatingWebhook | V1ValidatingWebhook)[] }>(
        field,
        kind === "Mutating"
          ? admission.readMutatingWebhookConfiguration({ name })
          : admission.readValidatingWebhookConfiguration({ name }),
      ),
      onForbidden,
    ),
  ]);
  const clientConfig = configuration?.webhooks?.[0]?.clientConfig;
  if (clientConfig === undefined) return undefined;
  const { service, caBundle = "" } = clientConfig;
  const server = { name: service?.name ?? serviceName, namespace: service?.namespace ?? namespace };
  const serverName = webhookServerName(server.name, server.namespace);
  return {
    ...stored,
    // Such as "proxy injector", of proxyInjector.
    name: valuesKey.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`),
    serverName,
    caBundle: certificatesOf({ field, text: Buffer.from(caBundle, "base64").toString() }),
    served: await readServed({ ...mesh, namespace: server.namespace }, server.name, serverName).catch(
      (error) => {
        if (mesh.signal.aborted) throw error;
        onForbidden((error as Error).message);
        return [];
      },
    ),
  };
}

/** Asks each ready pod of a Service, as the API server would. */
async function readServed(
  mesh: Mesh,
  name: string,
  serverName: string,
): Promise<readonly ServedCertificate[]> {
  const { core, namespace, signal } = mesh;
  const service = await found(
    `Service ${namespace}/${name}`,
    core.readNamespacedService({ name, namespace }),
  );
  const labelSelector = Object.entries(service?.spec?.selector ?? {})
    .map(([label, value]) => `${label}=${value}`)
    .join(",");
  if (labelSelector === "") return [];
  const { items } = await requested(
    `Pods of namespace ${namespace}`,
    core.listNamespacedPod({ namespace, labelSelector }),
  );
  const ready = items.filter(
    (pod) => conditionOf(pod, "Ready")?.status === "True" && pod.metadata?.deletionTimestamp === undefined,
  );
  return Promise.all(
    ready.map(async (pod): Promise<ServedCertificate> => {
      const podName = pod.metadata!.name!;
      try {
        const chain = await withPortForward(mesh, podName, portOf(service!, pod), (localPort) =>
          servedCertificates(localPort, serverName, signal),
        );
        return { podName, chain };
      } catch (error) {
        if (signal.aborted) throw error;
        return { podName, failure: (error as Error).message };
      }
    }),
  );
}

/** The port of the pod to which the Service's first port leads: its number, or its name in one of the containers. */
function portOf({ spec }: V1Service, pod: V1Pod): number {
  const { port, targetPort = port } = spec!.ports![0]!;
  if (typeof targetPort === "number") return targetPort;
  const ports = pod.spec!.containers.flatMap(({ ports: own }) => own ?? []);
  return ports.find(({ name }) => name === targetPort)?.containerPort ?? port;
}
