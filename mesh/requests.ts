/** Requests to an API server, and what their failures mean. Loads no client, so that gates and rules can use it. */

/**
 * Awaits a request.
 *
 * @param what the object that is asked for, such as `Secret linkerd/linkerd-identity-issuer`.
 * @throws Error with the object, and what the API server answered or why it did not.
 */
export async function requested<T>(what: string, request: Promise<T>): Promise<T> {
  try {
    return await request;
  } catch (error) {
    throw new Error(`${what}: ${explain(error)}`, { cause: error });
  }
}

/** Like {@link requested}, but `undefined` if the cluster has no such object. */
export async function found<T>(what: string, request: Promise<T>): Promise<T | undefined> {
  const absent = (error: unknown) => {
    if (statusOf(error) === 404) return undefined;
    throw error;
  };
  return requested(what, request.catch(absent));
}

/** Awaits what this user may not be allowed to see: `undefined` then, and `onForbidden` hears why. */
export async function ifAllowed<T>(
  answer: Promise<T>,
  onForbidden: (reason: string) => void,
): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    const { cause, message } = error as Error;
    if (statusOf(cause ?? error) !== 403) throw error;
    onForbidden(message);
    return undefined;
  }
}

/** What the Kubernetes client throws: `code` for a refused request, `statusCode` for a refused watch. */
interface Refusal {
  readonly code?: unknown;
  readonly statusCode?: number;
  readonly body?: unknown;
}

/** HTTP status of a failed request; `undefined` if it got no answer. */
export function statusOf(error: unknown): number | undefined {
  const { code, statusCode } = error as Refusal;
  // A DOMException has numbers of its own.
  return typeof code === "number" && !(error instanceof DOMException) ? code : statusCode;
}

function explain(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const status = statusOf(error);
  if (status === undefined) return error.message;
  const { body } = error as Refusal;
  const message = body === undefined ? error.message : messageOf(body);
  return `${message ?? "no message"} (HTTP ${status}).`;
}

/** The message of a Kubernetes `Status`, which may not have been parsed; of any other answer, its beginning. */
function messageOf(body: unknown): string | undefined {
  if (typeof body !== "string") return (body as { message?: string } | null)?.message;
  try {
    return (JSON.parse(body) as { message?: string }).message;
  } catch {
    return body.slice(0, 200);
  }
}
