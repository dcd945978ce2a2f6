/** A live cluster, as the user's kubeconfig reaches it. This loads the Kubernetes client: gates import it when they look. */
import { buffer } from "node:stream/consumers";
import {
  AdmissionregistrationV1Api,
  ApiException,
  ApiextensionsV1Api,
  ApisApi,
  AppsV1Api,
  type Configuration,
  CoreV1Api,
  CustomObjectsApi,
  createConfiguration,
  HttpMethod,
  IsomorphicFetchHttpLibrary,
  type KubeConfig,
  Observable,
  PatchStrategy,
  type RequestContext,
  type ResponseContext,
  ServerConfiguration,
  type V1ObjectMeta,
  VersionApi,
} from "@kubernetes/client-node";
import { type KubeConfigOptions, killPluginsWith, loadKubeConfig, loginFailure } from "./kubeConfig.ts";
import type { ListedMetadata } from "./metadataList.ts";

/** The API of a cluster. Every request ends with an answer, or with an error that names the server. */
export interface Cluster {
  /** Name of the kubeconfig's context. */
  readonly context: string;
  /** Ends every request and wait when the command runs out of time or is interrupted. */
  readonly signal: AbortSignal;
  readonly kubeConfig: KubeConfig;
  readonly core: CoreV1Api;
  readonly apps: AppsV1Api;
  readonly admission: AdmissionregistrationV1Api;
  readonly definitions: ApiextensionsV1Api;
  readonly groups: ApisApi;
  readonly custom: CustomObjectsApi;
  /** Reads nothing but the metadata of the object at a path of the API: a Secret's data is not sent. */
  readonly metadata: (path: string) => Promise<V1ObjectMeta>;
  /** Changes the metadata of the object at a path by a merge patch, under the name of a field manager. */
  readonly patchMetadata: (path: string, metadata: object, fieldManager: string) => Promise<void>;
  /** Lists the metadata of all objects at a path, page by page, and nothing else of them. */
  readonly metadataPages: (
    path: string,
    query?: Readonly<Record<string, string>>,
  ) => AsyncIterable<readonly ListedMetadata[]>;
  readonly version: VersionApi;
}

/** A cluster, and the namespace of Linkerd's control plane in it. */
export interface Mesh extends Cluster {
  readonly namespace: string;
}

export interface ConnectOptions extends KubeConfigOptions {
  /** Ends all requests when it is aborted. Defaults to never. */
  readonly signal?: AbortSignal;
}

/** Enough for a server at the other end of the world; a server that is down should not hold up a run for longer. */
const requestTimeoutMilliseconds = 15_000;

/**
 * The cluster of a kubeconfig's context. Nothing is sent to it yet.
 *
 * @throws Error as {@link loadKubeConfig} does.
 */
export function connect({ signal = new AbortController().signal, ...options }: ConnectOptions = {}): Cluster {
  const kubeConfig = loadKubeConfig(options);
  killPluginsWith(kubeConfig, signal);
  // A login can start a program, or wait for a person: requests at the same time share one.
  let loggingIn: Promise<unknown> = Promise.resolve();
  const { server } = kubeConfig.getCurrentCluster()!;
  const library = new IsomorphicFetchHttpLibrary();
  const configuration = createConfiguration({
    baseServer: new ServerConfiguration(server, {}),
    authMethods: {
      default: {
        getName: () => kubeConfig.getName(),
        applySecurityAuthentication: (request) => {
          const loggedIn = loggingIn.then(() => login(kubeConfig, request, signal));
          loggingIn = loggedIn.catch(() => {});
          return loggedIn;
        },
      },
    },
    httpApi: {
      send: (request) => {
        const timeout = AbortSignal.timeout(requestTimeoutMilliseconds);
        request.setSignal(AbortSignal.any([signal, timeout]));
        const response = library.send(request).toPromise();
        return new Observable(response.catch((error) => Promise.reject(unanswered(server, error))));
      },
    },
  });
  return {
    context: kubeConfig.getCurrentContext(),
    signal,
    kubeConfig,
    core: new CoreV1Api(configuration),
    apps: new AppsV1Api(configuration),
    admission: new AdmissionregistrationV1Api(configuration),
    definitions: new ApiextensionsV1Api(configuration),
    groups: new ApisApi(configuration),
    custom: new CustomObjectsApi(configuration),
    metadata: (path) => readMetadata(configuration, path),
    patchMetadata: (path, metadata, fieldManager) =>
      patch(configuration, `${path}?${new URLSearchParams({ fieldManager })}`, { metadata }),
    metadataPages: (path, query) => listMetadata(configuration, path, query),
    version: new VersionApi(configuration),
  };
}

/** Few enough that what has been read is not in memory several times over, and enough for few requests. */
const pageSize = 200;

async function* listMetadata(
  configuration: Configuration,
  path: string,
  query: Readonly<Record<string, string>> = {},
): AsyncGenerator<readonly ListedMetadata[]> {
  // Gates list nothing.
  const { acceptedEncodings, readPage, readRefusal } = await import("./metadataList.ts");
  let next: string | undefined;
  do {
    const page = { limit: `${pageSize}`, ...(next === undefined ? {} : { continue: next }) };
    const url = `${path}?${new URLSearchParams({ ...query, ...page })}`;
    const { httpStatusCode, headers, body } = await get(configuration, url, acceptedEncodings);
    const answer = { contentType: headers["content-type"] ?? "", body: await buffer(body.stream()!) };
    if (httpStatusCode !== 200) throw new ApiException(httpStatusCode, "", readRefusal(answer), headers);
    const { items, continue: following } = readPage(answer);
    yield items;
    next = following;
  } while (next !== undefined && next !== "");
}

async function readMetadata(configuration: Configuration, path: string): Promise<V1ObjectMeta> {
  const accepted = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";
  const { httpStatusCode, headers, body } = await get(configuration, path, accepted);
  const text = await body.text();
  if (httpStatusCode !== 200) throw new ApiException(httpStatusCode, "", text, headers);
  return (JSON.parse(text) as { readonly metadata: V1ObjectMeta }).metadata;
}

async function get(configuration: Configuration, path: string, accepted: string): Promise<ResponseContext> {
  const request = configuration.baseServer.makeRequestContext(path, HttpMethod.GET);
  request.setHeaderParam("Accept", accepted);
  await configuration.authMethods.default?.applySecurityAuthentication(request);
  return configuration.httpApi.send(request).toPromise();
}

async function patch(configuration: Configuration, path: string, change: object): Promise<void> {
  const request = configuration.baseServer.makeRequestContext(path, HttpMethod.PATCH);
  request.setHeaderParam("Content-Type", PatchStrategy.MergePatch);
  request.setBody(JSON.stringify(change));
  await configuration.authMethods.default?.applySecurityAuthentication(request);
  const { httpStatusCode, headers, body } = await configuration.httpApi.send(request).toPromise();
  const answer = await body.text();
  if (httpStatusCode !== 200) throw new ApiException(httpStatusCode, "", answer, headers);
}

/** Adds the user's credentials to a request. An exec plugin may wait for a person, but not longer than the signal. */
async function login(kubeConfig: KubeConfig, request: RequestContext, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const abort = () => reject(signal.reason);
  signal.addEventListener("abort", abort);
  try {
    await Promise.race([kubeConfig.applySecurityAuthentication(request), aborted]);
  } catch (error) {
    const user = kubeConfig.getCurrentUser();
    throw signal.aborted || user === null ? error : loginFailure(user, error);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

/** Why a server gave no answer, with its address. The reason of a failed fetch is in its cause. */
function unanswered(server: string, error: Error & { cause?: unknown }): Error {
  if (error.name === "TimeoutError") return new Error(`${server} did not answer in time.`, { cause: error });
  if (error.message !== "fetch failed") return error;
  const { message, code, errors } = error.cause as Error & { code?: string; errors?: readonly Error[] };
  const reason = message || errors?.[0]?.message || code;
  return new Error(`${server} cannot be reached: ${reason}.`, { cause: error });
}
