/**
 * A Prometheus that scrapes the sandbox by the PodMonitors on it, and evaluates the rules of its PrometheusRule, as the
 * Prometheus Operator would have it do; and beside it what a CronJob pushes, `status --prometheus` of the documented user.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { openSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { createServer as createSocket } from "node:net";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { stringify } from "yaml";
import { until } from "../../sandbox/until.ts";
import { statusOfReader } from "../operations/status/reader.ts";
import { environment, kubectl, temporaryFolder } from "../stack.ts";
import { type ApiServer, type PodMonitor, scrapeOf } from "./scrapes.ts";

const interval = "5s";
/** What has to hold for minutes or hours, holds so long here. */
const heldFor = "10s";
const startTimeoutMilliseconds = 60_000;

interface Sample {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: readonly [time: number, value: string];
}

interface Alert {
  readonly labels: { readonly alertname: string };
  readonly state: "firing" | "pending";
}

interface RuleGroup {
  readonly name: string;
  readonly rules: readonly { readonly alert: string; readonly for?: string }[];
}

/** For as long as the file's tests. */
const folder = temporaryFolder();

export class Prometheus {
  readonly url: string;
  readonly #process: ChildProcess;
  readonly #status: StatusServer;

  private constructor(port: number, status: StatusServer) {
    this.url = `http://127.0.0.1:${port}`;
    this.#status = status;
    this.#write([], []);
    const log = openSync(join(folder, "log"), "w");
    this.#process = spawn(
      "prometheus",
      [
        `--config.file=${join(folder, "prometheus.yaml")}`,
        `--storage.tsdb.path=${join(folder, "data")}`,
        `--web.listen-address=127.0.0.1:${port}`,
      ],
      { env: environment, stdio: ["ignore", log, log] },
    );
  }

  /** One that has the rules, and scrapes nothing yet. */
  static async start(): Promise<Prometheus> {
    const prometheus = new Prometheus(await freePort(), await StatusServer.start());
    await prometheus.#reload([]);
    return prometheus;
  }

  /** Scrapes all that is there to be scraped, by the rules of now. */
  async scrape(): Promise<void> {
    this.#status.look();
    const monitors = await listed<PodMonitor>("podmonitors");
    const api = await apiServer();
    await this.#reload([
      ...monitors.map((monitor) => scrapeOf(monitor, api)),
      {
        job_name: "pushgateway",
        honor_labels: true,
        static_configs: [{ targets: [`127.0.0.1:${this.#status.port}`] }],
      },
    ]);
  }

  async #reload(scrapes: readonly object[]): Promise<void> {
    const rules = await listed<{ spec: { groups: RuleGroup[] } }>("prometheusrules");
    this.#write(
      scrapes,
      rules.flatMap(({ spec }) => spec.groups),
    );
    await until("Prometheus to be ready", startTimeoutMilliseconds, async () => {
      const answer = await fetch(`${this.url}/-/ready`).catch(({ message }: Error) => message);
      return typeof answer === "string" ? answer : answer.ok;
    });
    this.#process.kill("SIGHUP");
  }

  #write(scrapes: readonly object[], groups: readonly RuleGroup[]): void {
    const rules = join(folder, "rules.yaml");
    const shortened = groups.map(({ name, rules: own }) => ({
      name,
      rules: own.map((rule) => (rule.for === undefined ? rule : { ...rule, for: heldFor })),
    }));
    writeFileSync(rules, stringify({ groups: shortened }));
    writeFileSync(
      join(folder, "prometheus.yaml"),
      stringify({
        global: { scrape_interval: interval, evaluation_interval: interval },
        rule_files: [rules],
        scrape_configs: scrapes,
      }),
      { mode: 0o600 },
    );
  }

  /** What a query gives now. */
  async query(expression: string): Promise<readonly Sample[]> {
    const { data } = await this.#get<{ result: Sample[] }>(
      `query?${new URLSearchParams({ query: expression })}`,
    );
    return data.result;
  }

  /** Names of the alerts that are in one of these states. */
  async alerts(...states: readonly Alert["state"][]): Promise<readonly string[]> {
    const { data } = await this.#get<{ alerts: Alert[] }>("alerts");
    const names = data.alerts
      .filter(({ state }) => states.includes(state))
      .map(({ labels }) => labels.alertname);
    return [...new Set(names)].sort();
  }

  async #get<Data>(path: string): Promise<{ data: Data }> {
    const answer = await fetch(`${this.url}/api/v1/${path}`);
    const body = (await answer.json()) as { status: string; error?: string; data: Data };
    if (body.status !== "success") throw new Error(`Prometheus refuses ${path}: ${body.error}`);
    return body;
  }

  async stop(): Promise<void> {
    await this.#status.stop();
    const ended = once(this.#process, "exit");
    this.#process.kill();
    await ended;
  }
}

/** Serves what `status --prometheus` has printed last, as a Pushgateway does. */
class StatusServer {
  readonly #server = createServer((_, response) => {
    response.setHeader("Content-Type", "text/plain; version=0.0.4");
    response.end(this.#text);
  });
  #text = "";
  #isEnding = false;
  #looking: Promise<void> | undefined;

  static async start(): Promise<StatusServer> {
    const server = new StatusServer();
    server.#server.listen(0, "127.0.0.1");
    await once(server.#server, "listening");
    return server;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Looks again and again from now on. */
  look(): void {
    this.#looking ??= this.#look();
  }

  async #look(): Promise<void> {
    while (!this.#isEnding) {
      const { stdout } = await statusOfReader("--prometheus", "--leaves").catch(() => ({ stdout: "" }));
      // If it could not look, nothing is pushed.
      if (stdout !== "") this.#text = stdout;
      await pause(1000);
    }
  }

  async stop(): Promise<void> {
    this.#isEnding = true;
    await this.#looking;
    this.#server.close();
    this.#server.closeAllConnections();
  }
}

async function listed<Item>(plural: string): Promise<Item[]> {
  const kind = `${plural}.monitoring.coreos.com`;
  return JSON.parse(await kubectl("get", kind, "--all-namespaces", "--output=json")).items;
}

/** A port that nobody listens at. */
async function freePort(): Promise<number> {
  const socket = createSocket().listen(0, "127.0.0.1");
  await once(socket, "listening");
  const { port } = socket.address() as AddressInfo;
  socket.close();
  await once(socket, "close");
  return port;
}

async function apiServer(): Promise<ApiServer> {
  const { clusters, users } = JSON.parse(
    await kubectl("config", "view", "--raw", "--flatten", "--output=json"),
  );
  const [{ cluster }] = clusters;
  const [{ user }] = users;
  const write = (name: string, data: string) => {
    const file = join(folder, name);
    writeFileSync(file, Buffer.from(data, "base64"), { mode: 0o600 });
    return file;
  };
  return {
    address: new URL(cluster.server).host,
    kubeconfig: environment.KUBECONFIG!,
    tls: {
      ca_file: write("ca.crt", cluster["certificate-authority-data"]),
      cert_file: write("client.crt", user["client-certificate-data"]),
      key_file: write("client.key", user["client-key-data"]),
    },
  };
}
