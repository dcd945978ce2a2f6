/** The kubeconfig, as kubectl and Pulumi's Kubernetes provider read it. */
import { type SpawnOptions, spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { BlockList, isIP } from "node:net";
import { homedir } from "node:os";
import { delimiter, dirname, join, resolve } from "node:path";
import { type Cluster, type Context, KubeConfig, loadYaml, type User } from "@kubernetes/client-node";

/** Which kubeconfig, and which of its contexts. */
export interface KubeConfigOptions {
  /** Path of the kubeconfig, or several, separated as in PATH. Defaults to `$KUBECONFIG`, then `~/.kube/config`. */
  readonly kubeconfig?: string | undefined;
  /** Defaults to the kubeconfig's current context. */
  readonly context?: string | undefined;
}

/** A kubeconfig's exec credential plugin, as far as it is looked at here. */
interface ExecPlugin {
  command: string;
  apiVersion?: string;
  env?: { name: string; value: string }[] | null;
  provideClusterInfo?: boolean;
  installHint?: string;
}

/**
 * Reads the kubeconfig. Of files that name the same object, the first wins; without any, a pod's own service account is
 * used. Nothing is sent to the cluster yet.
 *
 * @throws Error if the kubeconfig cannot be read or the context is not in it; the message lists those that are.
 */
export function loadKubeConfig({ kubeconfig, context }: KubeConfigOptions): KubeConfig {
  const config = readFiles(kubeconfig);
  if (config.contexts.length === 0 && context === undefined && kubeconfig === undefined) {
    if (process.env.KUBERNETES_SERVICE_HOST !== undefined) config.loadFromCluster();
  }
  if (context !== undefined) config.setCurrentContext(context);
  const cluster = config.getCurrentCluster();
  if (cluster === null) {
    const current = config.getCurrentContext();
    const names = config.contexts.map(({ name }) => name);
    const wrong = !current
      ? "The kubeconfig has no current context"
      : names.includes(current)
        ? `Context "${current}" names a cluster that is not in the kubeconfig`
        : `Context "${current}" is not in the kubeconfig`;
    throw new Error(
      `${wrong}. Its contexts: ${names.join(", ") || "none"}. Choose one of them, or set KUBECONFIG to another file.`,
    );
  }
  if (!/^https?:\/\/./.test(cluster.server ?? "") || !URL.canParse(cluster.server)) {
    throw new Error(
      `The server of context "${config.getCurrentContext()}" is "${cluster.server ?? ""}" in the kubeconfig. Set it to a URL that starts with https://.`,
    );
  }
  const proxyUrl = cluster.proxyUrl ?? proxyOf(cluster.server);
  // What is not encrypted has no certificate to verify; the client demands that this be said.
  const plain = cluster.server.startsWith("http:") ? { skipTLSVerify: true } : {};
  const user = config.getCurrentUser();
  const resolved = new KubeConfig();
  resolved.loadFromOptions({
    contexts: config.contexts,
    currentContext: config.currentContext,
    clusters: [{ ...cluster, ...plain, ...(proxyUrl === undefined ? {} : { proxyUrl }) }],
    users: user === null ? [] : [withExecInfo(user, cluster)],
  });
  return resolved;
}

/** The files' contents, joined. A file of a list that does not exist is passed over, as kubectl does. */
function readFiles(kubeconfig: string | undefined): KubeConfig {
  const paths = (kubeconfig || process.env.KUBECONFIG || join(homedir(), ".kube", "config"))
    .split(delimiter)
    .filter((path) => path !== "")
    .map((path) => resolve(path.replace(/^~(?=$|[/\\])/, homedir())));
  const present = paths.filter((path) => existsSync(path));
  const isInPod = !kubeconfig && process.env.KUBERNETES_SERVICE_HOST !== undefined;
  if (present.length === 0 && !isInPod) {
    const setting = kubeconfig ? "kubeconfig" : "KUBECONFIG";
    throw new Error(
      `The kubeconfig ${kubeconfig || paths.join(" or ")} does not exist: set ${setting} to the path of one.`,
    );
  }
  const [clusters, contexts, users]: [Cluster[], Context[], User[]] = [[], [], []];
  let currentContext = "";
  for (const path of present) {
    try {
      const one = readFile(path);
      if (one === undefined) continue;
      clusters.push(...one.clusters);
      contexts.push(...one.contexts);
      users.push(...one.users);
      currentContext ||= one.currentContext ?? "";
    } catch (error) {
      throw new Error(`The kubeconfig ${path} cannot be read: ${(error as Error).message}`);
    }
  }
  const joined = new KubeConfig();
  joined.loadFromOptions({ clusters, contexts, users, currentContext });
  return joined;
}

/** `undefined` if there is nothing in the file. Paths in it are relative to its folder. */
function readFile(path: string): KubeConfig | undefined {
  const text = readFileSync(path, "utf8");
  if (text.split("\n").every((line) => /^\s*(#|$)/.test(line))) return undefined;
  const raw = loadYaml<{ users?: { name: string; user?: { tokenFile?: string } }[] }>(text);
  const config = new KubeConfig();
  config.loadFromString(text, { onInvalidEntry: "filter" });
  const folder = dirname(path);
  config.makePathsAbsolute(folder);
  config.users = config.users.map((user) => {
    // The client knows no tokenFile, which the service accounts of pods and some CI systems have.
    const tokenFile = raw.users?.find(({ name }) => name === user.name)?.user?.tokenFile;
    if (tokenFile !== undefined) {
      const authProvider = { name: "tokenFile", config: { tokenFile: resolve(folder, tokenFile) } };
      return { ...user, authProvider };
    }
    const exec = user.exec as ExecPlugin | undefined | null;
    return exec?.command?.includes("/")
      ? { ...user, exec: { ...exec, command: resolve(folder, exec.command) } }
      : user;
  });
  return config;
}

/** Tells an exec plugin what it may do, as client-go does: some plugins end without it. */
function withExecInfo(user: User, cluster: Cluster): User {
  const exec = user.exec as ExecPlugin | undefined | null;
  if (!exec) return user;
  const { server, caData, caFile, skipTLSVerify, tlsServerName } = cluster;
  const value = JSON.stringify({
    kind: "ExecCredential",
    apiVersion: exec.apiVersion,
    spec: {
      interactive: false,
      ...(exec.provideClusterInfo === true
        ? {
            cluster: {
              server,
              "certificate-authority-data": caData ?? (caFile && readFileSync(caFile).toString("base64")),
              "insecure-skip-tls-verify": skipTLSVerify,
              "tls-server-name": tlsServerName,
            },
          }
        : {}),
    },
  });
  return { ...user, exec: { ...exec, env: [...(exec.env ?? []), { name: "KUBERNETES_EXEC_INFO", value }] } };
}

/**
 * Ends exec plugins with the signal: the client itself waits for them, and so would the process. They get no input, for
 * which one could wait.
 */
export function killPluginsWith(kubeConfig: KubeConfig, signal: AbortSignal): void {
  const { authenticators } = kubeConfig as unknown as {
    authenticators: { execFn?: (command: string, args: string[], options: SpawnOptions) => unknown }[];
  };
  for (const authenticator of authenticators.filter(({ execFn }) => execFn !== undefined)) {
    authenticator.execFn = (command, args, options) =>
      spawn(command, args ?? [], { ...options, signal, stdio: ["ignore", "pipe", "pipe"] });
  }
}

/** Why a user of the kubeconfig could not log in; an exec plugin that is not installed says how to get it. */
export function loginFailure({ name, exec }: User, error: unknown): Error {
  const { command, installHint } = (exec ?? {}) as ExecPlugin;
  const { code, message } = error as Error & { code?: string };
  const reason =
    code === "ENOENT" && command !== undefined
      ? `its exec plugin ${command} is not installed. ${installHint ?? "Install it, and put it on PATH."}`
      : message.trim() || `its exec plugin ${command} failed`;
  return new Error(`User "${name}" of the kubeconfig cannot log in: ${reason}`, { cause: error });
}

/** The proxy that the environment names for a server, as Go reads it; `undefined` for a direct connection. */
function proxyOf(server: string): string | undefined {
  const { protocol, hostname } = new URL(server);
  const host = hostname.replace(/^\[|\]$/g, "");
  const variable = (name: string) => process.env[name.toUpperCase()] || process.env[name] || undefined;
  const proxy = variable(protocol === "https:" ? "https_proxy" : "http_proxy");
  if (proxy === undefined || host === "localhost" || /^127\.|^::1$/.test(host)) return undefined;
  const direct = (variable("no_proxy") ?? "").split(",").map((entry) => entry.trim());
  if (direct.some((entry) => isCovered(host, entry))) return undefined;
  return proxy.includes("://") ? proxy : `http://${proxy}`;
}

/** Whether an entry of NO_PROXY covers a host: `*`, a domain with all below it, an address, or a range of them. */
function isCovered(host: string, entry: string): boolean {
  const [address, bits] = entry.split("/");
  if (isIP(host) !== 0 && bits !== undefined && isIP(address!) === isIP(host)) {
    const family = isIP(host) === 4 ? "ipv4" : "ipv6";
    if (!/^\d+$/.test(bits) || Number(bits) > (family === "ipv4" ? 32 : 128)) return false;
    const range = new BlockList();
    range.addSubnet(address!, Number(bits), family);
    return range.check(host, family);
  }
  const domain = isIP(entry) === 0 ? entry.replace(/^\*?\./, "").replace(/:\d+$/, "") : entry;
  return entry === "*" || (domain !== "" && (host === domain || host.endsWith(`.${domain}`)));
}
