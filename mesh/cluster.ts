/** A live cluster, as the user's kubeconfig reaches it. */
import {
  AdmissionregistrationV1Api,
  ApiException,
  CoreV1Api,
  CustomObjectsApi,
  createConfiguration,
  KubeConfig,
  ServerConfiguration,
} from "@kubernetes/client-node";

export interface Cluster {
  /** Name of the kubeconfig's context. */
  readonly context: string;
  /** Namespace of Linkerd's control plane. */
  readonly namespace: string;
  /** Ends every request and wait when the command runs out of time or is interrupted. */
  readonly signal: AbortSignal;
  readonly kubeConfig: KubeConfig;
  readonly core: CoreV1Api;
  readonly admission: AdmissionregistrationV1Api;
  readonly custom: CustomObjectsApi;
}

export interface ClusterOptions {
  readonly context?: string;
  readonly namespace: string;
  readonly signal: AbortSignal;
}

/**
 * Reads the kubeconfig where kubectl does: `KUBECONFIG`, `~/.kube/config`, or the pod's own service account.
 *
 * @throws where the context does not exist. Nothing is sent to the cluster yet.
 */
export function connect({ context, namespace, signal }: ClusterOptions): Cluster {
  const kubeConfig = new KubeConfig();
  try {
    kubeConfig.loadFromDefault();
  } catch (error) {
    throw new Error(
      `The kubeconfig cannot be read: ${(error as Error).message}: set KUBECONFIG to one that can.`,
    );
  }
  if (context !== undefined) kubeConfig.setCurrentContext(context);
  const cluster = kubeConfig.getCurrentCluster();
  if (cluster === null) {
    const known = kubeConfig.getContexts().map(({ name }) => name);
    throw new Error(
      `Context "${kubeConfig.getCurrentContext()}" is not in the kubeconfig, which has ${known.join(", ") || "none"}: ` +
        "set KUBECONFIG, or name one of them with --context.",
    );
  }
  const configuration = createConfiguration({
    baseServer: new ServerConfiguration(cluster.server, {}),
    authMethods: { default: kubeConfig },
    promiseMiddleware: [
      {
        pre: async (request) => {
          request.setSignal(signal);
          return request;
        },
        post: async (response) => response,
      },
    ],
  });
  return {
    context: kubeConfig.getCurrentContext(),
    namespace,
    signal,
    kubeConfig,
    core: new CoreV1Api(configuration),
    admission: new AdmissionregistrationV1Api(configuration),
    custom: new CustomObjectsApi(configuration),
  };
}

/**
 * Awaits a request; a failure says what was asked, and what the API server answered.
 *
 * @param what the object and what is done with it, such as `Secret linkerd/linkerd-identity-issuer`.
 */
export async function requested<T>(what: string, request: Promise<T>): Promise<T> {
  try {
    return await request;
  } catch (error) {
    throw new Error(`${what}: ${explain(error)}`, { cause: error });
  }
}

/** Like {@link requested}, but `undefined` where the cluster has no such object. */
export async function found<T>(what: string, request: Promise<T>): Promise<T | undefined> {
  const absent = (error: unknown) => {
    if (statusOf(error) === 404) return undefined;
    throw error;
  };
  return requested(what, request.catch(absent));
}

/** HTTP status of a failed request; `undefined` where the request got no answer. */
export function statusOf(error: unknown): number | undefined {
  if (error instanceof ApiException) return error.code;
  // A watch that is refused.
  return (error as { statusCode?: number }).statusCode;
}

function explain(error: unknown): string {
  if (error instanceof ApiException) {
    const status = typeof error.body === "string" ? parseStatus(error.body) : error.body;
    return `${status?.message ?? "no message"} (HTTP ${error.code}).`;
  }
  if (!(error instanceof Error)) return String(error);
  const status = statusOf(error);
  if (status !== undefined) return `${error.message} (HTTP ${status}).`;
  // The reason why fetch failed, such as "connect ECONNREFUSED 127.0.0.1:6443", is in its cause.
  if (error.message === "fetch failed" && error.cause instanceof Error) {
    return `the API server cannot be reached (${error.cause.message}): check KUBECONFIG and --context.`;
  }
  return error.message;
}

function parseStatus(body: string): { message?: string } {
  try {
    return JSON.parse(body);
  } catch {
    return { message: body.slice(0, 200) };
  }
}
