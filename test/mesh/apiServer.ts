/** An API server that holds what a test puts there, and a kubeconfig that leads to it. */
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { after } from "node:test";
import { type Cluster, connect } from "../../mesh/cluster.ts";

/** An answer that is not 200, with the message of its Status. */
export class Refusal {
  readonly code: number;
  readonly message: string;
  constructor(code: number, message: string) {
    this.code = code;
    this.message = message;
  }
}

export interface ApiServer {
  readonly url: string;
  /** A folder for the test's own files; it is removed at the end. */
  readonly directory: string;
  readonly kubeconfig: string;
  readonly cluster: Cluster;
  /** What there is at each path: an object or list, a {@link Refusal}, or a function of the query that gives one; all else is not found. */
  objects: Readonly<Record<string, unknown>>;
  /** Method, path and query of each request since this was emptied, and the headers and the body of the last one. */
  requests: string[];
  headers: IncomingHttpHeaders;
  body: string;
}

/** Starts one; it ends with the test file. */
export async function startApiServer(): Promise<ApiServer> {
  const server = createServer(async (request, response) => {
    const { method, url = "", headers } = request;
    api.requests.push(`${method} ${decodeURIComponent(url)}`);
    api.headers = headers;
    api.body = await text(request);
    const held = api.objects[url.split("?")[0]!] ?? new Refusal(404, "not found");
    const answer = typeof held === "function" ? await held(new URL(url, "http://test").searchParams) : held;
    const { code, message } = answer instanceof Refusal ? answer : { code: 200, message: "" };
    response.writeHead(code, { "Content-Type": "application/json" });
    response.end(JSON.stringify(answer instanceof Refusal ? { kind: "Status", code, message } : answer));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const directory = mkdtempSync(join(tmpdir(), "api-server-"));
  after(() => {
    server.closeAllConnections();
    server.close();
    rmSync(directory, { recursive: true });
  });
  const kubeconfig = join(directory, "kubeconfig");
  writeFileSync(kubeconfig, kubeconfigOf({ name: "test", server: url, user: { token: "t" } }));
  const cluster = connect({ kubeconfig });
  const api: ApiServer = {
    url,
    directory,
    kubeconfig,
    cluster,
    objects: {},
    requests: [],
    headers: {},
    body: "",
  };
  return api;
}

/** A kubeconfig with one context, current, whose cluster and user have its name. */
export function kubeconfigOf({
  name,
  server,
  user,
  cluster = {},
}: {
  readonly name: string;
  readonly server: string;
  readonly user: object;
  readonly cluster?: object;
}): string {
  return JSON.stringify({
    "current-context": name,
    contexts: [{ name, context: { cluster: name, user: name } }],
    clusters: [{ name, cluster: { server, ...cluster } }],
    users: [{ name, user }],
  });
}
