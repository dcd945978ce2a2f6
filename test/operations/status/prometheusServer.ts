/** Answers as Prometheus does, with what a test gives it. */
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { after } from "node:test";

interface Result {
  readonly metric: Readonly<Record<string, string>>;
  readonly values: readonly (readonly [seconds: number, value: string])[];
}

/** Series, by the query; or what else is done with a request. */
type Answer =
  | ((query: string) => readonly Result[])
  | { readonly by: (request: IncomingMessage, response: ServerResponse) => void };

export interface PrometheusServer {
  readonly url: string;
  answer: Answer;
  /** Each request since this was emptied: its path, its query, and its credentials. */
  requests: { path: string; query: URLSearchParams; authorization: string | undefined }[];
}

/** Starts one; it ends with the test file. */
export async function startPrometheusServer(): Promise<PrometheusServer> {
  const http = createServer((request, response) => {
    const { pathname: path, searchParams: query } = new URL(request.url!, "http://test");
    server.requests.push({ path, query, authorization: request.headers.authorization });
    const { answer } = server;
    if (typeof answer !== "function") return answer.by(request, response);
    const data = { resultType: "matrix", result: answer(query.get("query")!) };
    response.setHeader("Content-Type", "application/json");
    response.end(JSON.stringify({ status: "success", data }));
  });
  http.listen(0, "127.0.0.1");
  await once(http, "listening");
  after(() => {
    http.close();
    http.closeAllConnections();
  });
  const server: PrometheusServer = {
    url: `http://127.0.0.1:${(http.address() as AddressInfo).port}`,
    answer: () => [],
    requests: [],
  };
  return server;
}

/** An answer of these bytes to every query. */
export const fixed = (code: number, body: string): Answer => ({
  by: (_, response) => response.writeHead(code).end(body),
});
