/** Someone's Prometheus: where it is, and what a query gave through time, by version 1 of its HTTP API. */
import { unescape as decoded } from "node:querystring";
import { outside } from "../outside.ts";

export interface Prometheus {
  /** Ends with a slash. It has no credentials in it, and may be shown. */
  readonly url: string;
  /** Value of the header, if the address has credentials. It is never shown. */
  readonly authorization?: string;
}

/** The times for which a query is evaluated. */
export interface TimeRange {
  readonly from: Date;
  readonly until: Date;
  readonly stepSeconds: number;
}

export interface Series {
  readonly labels: Readonly<Record<string, string>>;
  /** In the order of time; what is no finite number is left out. */
  readonly points: readonly Point[];
}

export interface Point {
  readonly time: Date;
  readonly value: number;
}

/**
 * The Prometheus at an address such as `https://user:password@prometheus.example.com/path`.
 *
 * @throws Error if it is no such address; what could be a password in it is not shown.
 */
export function prometheusAt(address: string): Prometheus {
  const url = URL.parse(address);
  // A password with a slash in it that is not escaped would be read as a path.
  const isRefused =
    url === null || !/^https?:$/.test(url.protocol) || /[@?#]/.test(url.pathname + url.search + url.hash);
  if (isRefused) {
    throw new Error(
      `--prometheus-url is "${shown(address)}". It has to be an http or https URL without a query, such as http://localhost:9090; of a user and a password before its @, percent-encode what is not a letter or a digit.`,
    );
  }
  const { username, password } = url;
  url.username = "";
  url.password = "";
  if (!url.pathname.endsWith("/")) url.pathname += "/";
  if (username === "" && password === "") return { url: url.href };
  const pair = Buffer.from(`${decoded(username)}:${decoded(password)}`).toString("base64");
  return { url: url.href, authorization: `Basic ${pair}` };
}

/** Without what is before the last @, and without a query. */
const shown = (address: string) =>
  outside(address.replace(/^([a-z]+:\/\/)?.*@/is, "$1").replace(/[?#].*/s, ""));

/**
 * What a query gave at each time of a range.
 *
 * @throws Error with what was seen instead, which has no credentials in it.
 */
export async function queryRange(
  { url, authorization }: Prometheus,
  query: string,
  { from, until, stepSeconds }: TimeRange,
  signal: AbortSignal,
): Promise<readonly Series[]> {
  const [start, end] = [from, until].map((time) => String(time.getTime() / 1000));
  const parameters = new URLSearchParams({ query, start: start!, end: end!, step: String(stepSeconds) });
  const { status, body } = await request(`${url}api/v1/query_range?${parameters}`, authorization, signal);
  const answer = parsed(body);
  if (typeof answer?.error === "string") throw new Error(`It refuses a query: ${outside(answer.error)}`);
  if (status !== 200) throw new Error(`It answers with HTTP ${status}.`);
  const series = seriesOf(answer);
  if (series === undefined) throw new Error("It answers, but not as Prometheus does.");
  return series;
}

/** Redirections are not followed: they lead to a page for people, who are to sign in. */
async function request(url: string, authorization: string | undefined, signal: AbortSignal) {
  const headers = { Accept: "application/json", ...(authorization && { Authorization: authorization }) };
  try {
    const response = await fetch(url, { headers, redirect: "manual", signal });
    return { status: response.status, body: await response.text() };
  } catch (error) {
    if (signal.aborted) throw new Error("It has not answered in time.");
    const { cause = error } = error as { cause?: { message?: string; code?: string } };
    const { message, code } = cause as { message?: string; code?: string };
    // Of a name with several addresses, none of which answers, there is no message.
    throw new Error(`It cannot be reached: ${outside(message || code || "no reason is given")}`);
  }
}

interface Answer {
  readonly error?: unknown;
  readonly data?: {
    readonly result: readonly { metric: Record<string, unknown>; values?: readonly [number, string][] }[];
  };
}

function parsed(body: string): Answer | null {
  try {
    return JSON.parse(body);
  } catch {
    return null;
  }
}

/** `undefined` if it is not formed as Prometheus forms it. */
function seriesOf(answer: Answer | null): readonly Series[] | undefined {
  try {
    return answer!.data!.result.map(({ metric, values = [] }) => ({
      labels: Object.fromEntries(Object.entries(metric).map(([name, value]) => [name, String(value)])),
      points: values
        .map(([seconds, value]) => ({ time: new Date(seconds * 1000), value: Number(value) }))
        .filter(({ time, value }) => Number.isFinite(time.getTime()) && Number.isFinite(value)),
    }));
  } catch {
    return undefined;
  }
}
