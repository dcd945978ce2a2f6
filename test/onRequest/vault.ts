/** A real Vault on the sandbox, with TLS, as a cluster's own Vault is: the test talks to it by the `vault` command. */
import { spawn } from "node:child_process";
import { createHash, KeyObject } from "node:crypto";
import { once } from "node:events";
import { readFileSync, realpathSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { sandboxPaths } from "../../sandbox/lifecycle.ts";
import { authority, keysOf, leaf } from "../certificates.ts";
import { environment, kubectl, run, sandboxName } from "../stack.ts";

/** The name that docs/credentials.md has, and that the server's certificate is for; no name server knows it. */
export const vaultName = "vault.example.com";

export const vault = (...args: string[]) => run("vault", ...args);

const port = 8200;
/** Vault's Kubernetes login, which its build without the clouds' parts leaves out. */
const plugin = "vault-plugin-auth-kubernetes";
const pluginDirectory = "/vault/plugins";

export interface Vault {
  /** Of its pod: with no name server and no kube-proxy in the sandbox, other pods reach it by this alone. */
  readonly address: string;
  /** What nobody but Vault and the test may know. */
  readonly rootToken: string;
  /** Ends the connection to it. */
  stop(): void;
}

/**
 * Starts a Vault, initialises and unseals it, and adds its Kubernetes login. From then on the command `vault` talks to it
 * as its root. `folder` gets its CA's certificate.
 */
export async function startVault(folder: string): Promise<Vault> {
  const certificateAuthority = join(folder, "vault-ca.pem");
  const program = realpathSync(join(sandboxPaths(sandboxName).bin, plugin));
  const manifest = join(folder, "vault.json");
  const items = await objects(program, certificateAuthority);
  writeFileSync(manifest, JSON.stringify({ apiVersion: "v1", kind: "List", items }), { mode: 0o600 });
  await kubectl("apply", "--filename", manifest);
  await kubectl("rollout", "status", "deployment/vault", "--namespace=vault", "--timeout=120s");
  const address = await kubectl(
    "get",
    "pods",
    "--namespace=vault",
    "--output=jsonpath={.items[0].status.podIP}",
  );

  const connection = await forward();
  Object.assign(environment, {
    VAULT_ADDR: `https://127.0.0.1:${connection.port}`,
    VAULT_CACERT: certificateAuthority,
    VAULT_TLS_SERVER_NAME: vaultName,
    VAULT_TOKEN: "",
  });
  const keys = JSON.parse(
    await vault("operator", "init", "-key-shares=1", "-key-threshold=1", "-format=json"),
  ) as { unseal_keys_b64: string[]; root_token: string };
  await vault("operator", "unseal", keys.unseal_keys_b64[0]!);
  environment.VAULT_TOKEN = keys.root_token;
  const sha256 = createHash("sha256").update(readFileSync(program)).digest("hex");
  await vault("plugin", "register", `-sha256=${sha256}`, `-command=${plugin}`, "auth", "kubernetes");
  return { address, rootToken: keys.root_token, stop: connection.stop };
}

/** What Vault's chart makes of it: its namespace, its ServiceAccount that may ask about tokens, and its server. */
async function objects(pluginProgram: string, certificateAuthority: string): Promise<object[]> {
  const signer = await authority({ commonName: "authority of vault" });
  const { privateKey, publicKey } = await keysOf();
  const certificate = await leaf({ commonName: vaultName, signer, publicKey });
  writeFileSync(certificateAuthority, signer.certificate.toString());
  const metadata = { name: "vault", namespace: "vault" };
  const configuration = {
    api_addr: `https://${vaultName}:${port}`,
    disable_mlock: true,
    listener: {
      tcp: {
        address: `0.0.0.0:${port}`,
        tls_cert_file: "/vault/tls/tls.crt",
        tls_key_file: "/vault/tls/tls.key",
      },
    },
    plugin_directory: pluginDirectory,
    // What it keeps goes with its process.
    storage: { inmem: {} },
  };
  return [
    { apiVersion: "v1", kind: "Namespace", metadata: { name: "vault" } },
    { apiVersion: "v1", kind: "ServiceAccount", metadata },
    {
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "ClusterRoleBinding",
      metadata: { name: "vault-server-binding" },
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "system:auth-delegator" },
      subjects: [{ kind: "ServiceAccount", ...metadata }],
    },
    {
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata,
      data: { "vault.json": JSON.stringify(configuration) },
    },
    {
      apiVersion: "v1",
      kind: "Secret",
      type: "kubernetes.io/tls",
      metadata,
      stringData: {
        "tls.crt": certificate.toString(),
        "tls.key": KeyObject.from(privateKey).export({ format: "pem", type: "pkcs8" }),
      },
    },
    {
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata,
      spec: {
        selector: { matchLabels: { app: "vault" } },
        template: {
          metadata: { labels: { app: "vault" } },
          spec: {
            serviceAccountName: "vault",
            containers: [
              {
                name: "vault",
                image: "hashicorp/vault:1.19.0",
                args: ["server", "-config=/vault/config/vault.json"],
                ports: [{ containerPort: port }],
                // It listens; whether it is unsealed is the test's to see to.
                readinessProbe: {
                  httpGet: { path: "/v1/sys/health?uninitcode=204&sealedcode=204", port, scheme: "HTTPS" },
                  periodSeconds: 1,
                },
                volumeMounts: [
                  { name: "config", mountPath: "/vault/config" },
                  { name: "tls", mountPath: "/vault/tls" },
                  { name: "plugin", mountPath: `${pluginDirectory}/${plugin}`, readOnly: true },
                ],
              },
            ],
            volumes: [
              { name: "config", configMap: { name: "vault" } },
              { name: "tls", secret: { secretName: "vault" } },
              { name: "plugin", hostPath: { path: pluginProgram, type: "File" } },
            ],
          },
        },
      },
    },
  ];
}

/** Forwards a port of this machine to Vault's until it is stopped. */
async function forward(): Promise<{ port: string; stop(): void }> {
  const args = ["port-forward", "--namespace=vault", "--address=127.0.0.1", "deployment/vault", `:${port}`];
  const child = spawn("kubectl", args, { env: environment, stdio: ["ignore", "pipe", "inherit"] });
  const [said] = await once(child.stdout.setEncoding("utf8"), "data", {
    signal: AbortSignal.timeout(30_000),
  });
  const forwarded = /127\.0\.0\.1:(\d+)/.exec(said as string)?.[1];
  if (forwarded === undefined) {
    child.kill();
    throw new Error(`kubectl port-forward to Vault has said no port, but: ${said}`);
  }
  // Nobody reads what it says of each connection, and its pipe must not fill.
  child.stdout.resume();
  return { port: forwarded, stop: () => void child.kill() };
}
