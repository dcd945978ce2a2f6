import assert from "node:assert/strict";
import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { delimiter, join } from "node:path";
import { beforeEach, suite, test } from "node:test";
import { type ConnectOptions, connect } from "../../mesh/cluster.ts";
import { loadKubeConfig } from "../../mesh/kubeConfig.ts";
import { found, requested } from "../../mesh/requests.ts";
import { kubeconfigOf, Refusal, startApiServer } from "./apiServer.ts";

const api = await startApiServer();
const { url: server, directory } = api;
const write = (name: string, text: string) => {
  const path = join(directory, name);
  writeFileSync(path, text);
  return path;
};

/** Not the machine's own: each variable of these is set by the test that needs it. */
const environment = [
  "KUBECONFIG",
  "KUBERNETES_SERVICE_HOST",
  "HTTPS_PROXY",
  "https_proxy",
  "NO_PROXY",
  "no_proxy",
];
beforeEach(() => {
  for (const name of environment) delete process.env[name];
  process.env.HOME = directory;
});

const serverOf = (options: Parameters<typeof loadKubeConfig>[0]) =>
  loadKubeConfig(options).getCurrentCluster()?.server;

/** Asks for a ConfigMap, and gives the Authorization header by which that was done. */
async function authorization(options: ConnectOptions): Promise<string | undefined> {
  api.objects = { "/api/v1/namespaces/linkerd/configmaps/x": { data: {} } };
  await connect(options).core.readNamespacedConfigMap({ name: "x", namespace: "linkerd" });
  return api.headers.authorization;
}

suite("The kubeconfig", () => {
  const one = write("one", kubeconfigOf({ name: "one", server: "https://one", user: {} }));
  const two = write("two", kubeconfigOf({ name: "two", server: "https://two", user: {} }));
  const otherOne = write("other", kubeconfigOf({ name: "one", server: "https://other", user: {} }));
  const empty = write("empty", "# nothing\n");

  test("is the given one, or several; of what two of them name the first wins", () => {
    process.env.KUBECONFIG = two;
    assert.equal(serverOf({ kubeconfig: one }), "https://one");
    assert.equal(
      serverOf({ kubeconfig: [one, two, otherOne].join(delimiter), context: "two" }),
      "https://two",
    );
    assert.equal(serverOf({ kubeconfig: [otherOne, one].join(delimiter) }), "https://other");
  });

  test("is $KUBECONFIG, whose missing and empty files count for nothing, or else ~/.kube/config", () => {
    process.env.KUBECONFIG = ["/not/there", empty, two, one].join(delimiter);
    assert.equal(serverOf({}), "https://two");
    assert.equal(serverOf({ kubeconfig: "" }), "https://two");
    delete process.env.KUBECONFIG;
    process.env.HOME = "/not/there";
    assert.throws(() => loadKubeConfig({}), {
      message: "The kubeconfig /not/there/.kube/config does not exist: set KUBECONFIG to the path of one.",
    });
    process.env.KUBECONFIG = empty;
    assert.throws(() => loadKubeConfig({}), /The kubeconfig has no current context. Its contexts: none/);
  });

  test("may begin with ~, as the provider takes it", () => {
    assert.equal(serverOf({ kubeconfig: "~/one" }), "https://one");
  });

  test("has its files beside it", () => {
    const cluster = { "certificate-authority": "ca.pem" };
    const user = { "client-certificate": "pem/client.pem", "client-key": "/etc/client.key" };
    const config = loadKubeConfig({
      kubeconfig: write("relative", kubeconfigOf({ name: "relative", server: "https://r", cluster, user })),
    });
    assert.equal(config.getCurrentCluster()?.caFile, join(directory, "ca.pem"));
    assert.equal(config.getCurrentUser()?.certFile, join(directory, "pem/client.pem"));
    assert.equal(config.getCurrentUser()?.keyFile, "/etc/client.key");
  });

  test("that lacks the context says which it has; one that cannot be read says why", () => {
    assert.throws(() => loadKubeConfig({ kubeconfig: [one, two].join(delimiter), context: "three" }), {
      message:
        'Context "three" is not in the kubeconfig. Its contexts: one, two. ' +
        "Choose one of them, or set KUBECONFIG to another file.",
    });
    assert.throws(() => loadKubeConfig({ kubeconfig: "/not/there" }), /\/not\/there does not exist/);
    assert.throws(() => loadKubeConfig({ kubeconfig: write("bad", "a: [") }), /bad cannot be read: /);
    assert.throws(() => loadKubeConfig({ kubeconfig: directory }), /cannot be read: EISDIR/);
    for (const address of ["10.0.0.1:6443", "localhost", "https:///", "HTTP://one"]) {
      const kubeconfig = write("address", kubeconfigOf({ name: "one", server: address, user: {} }));
      assert.throws(
        () => loadKubeConfig({ kubeconfig }),
        /The server of context "one" is ".*" in the kubeconfig\./,
      );
    }
  });

  test("without any, a pod has its own service account", () => {
    Object.assign(process.env, {
      HOME: "/not/there",
      KUBERNETES_SERVICE_HOST: "10.0.0.1",
      KUBERNETES_SERVICE_PORT: "443",
    });
    assert.equal(serverOf({}), "https://10.0.0.1:443");
  });

  test("is used with the proxy that the environment names, but for what NO_PROXY excludes", () => {
    process.env.HTTPS_PROXY = "proxy.example:3128";
    const proxyOf = (address: string) =>
      loadKubeConfig({
        kubeconfig: write("proxied", kubeconfigOf({ name: "proxied", server: address, user: {} })),
      }).getCurrentCluster()?.proxyUrl;
    assert.equal(proxyOf("https://api.example"), "http://proxy.example:3128");
    process.env.NO_PROXY = "10.0.0.0/8, .internal,other.example";
    assert.equal(proxyOf("https://api.example"), "http://proxy.example:3128");
    assert.equal(proxyOf("https://192.168.0.1:6443"), "http://proxy.example:3128");
    for (const address of [
      "https://10.1.2.3",
      "https://api.internal",
      "https://other.example",
      "https://127.0.0.1",
    ]) {
      assert.equal(proxyOf(address), undefined, address);
    }
    assert.equal(proxyOf(server), undefined);
  });
});

suite("A request", () => {
  const withUser = (name: string, user: object, cluster = {}) => ({
    kubeconfig: write(name, kubeconfigOf({ name, server, user, cluster })),
  });

  test("carries the user's token, or that of a file", async () => {
    assert.equal(await authorization(withUser("token", { token: "abc" })), "Bearer abc");
    write("token-file", "def");
    assert.equal(await authorization(withUser("file", { tokenFile: "token-file" })), "Bearer def");
  });

  test("carries what an exec plugin gives, which is told what client-go would tell it", async () => {
    const told = join(directory, "told");
    const status = JSON.stringify({ kind: "ExecCredential", status: { token: "from-plugin" } });
    const script = `#!/bin/sh\nprintf %s "$KUBERNETES_EXEC_INFO" > "$1"\necho "$TELL" >> "$1"\necho '${status}'\n`;
    chmodSync(write("plugin", script), 0o755);
    const exec = {
      apiVersion: "client.authentication.k8s.io/v1",
      command: "./plugin",
      args: [told],
      env: [{ name: "TELL", value: "and its own" }],
      provideClusterInfo: true,
    };
    assert.equal(await authorization(withUser("exec", { exec })), "Bearer from-plugin");
    const [info, own] = readFileSync(told, "utf8")
      .trim()
      .split(/(?<=})(?=and)/);
    assert.equal(own, "and its own");
    const { kind, apiVersion, spec } = JSON.parse(info!);
    assert.deepEqual([kind, apiVersion], ["ExecCredential", "client.authentication.k8s.io/v1"]);
    assert.deepEqual([spec.interactive, spec.cluster.server], [false, server]);
  });

  test("that cannot log in says whose login failed, and how to get the plugin", async () => {
    const login = (exec: object) => authorization(withUser("login", { exec }));
    await assert.rejects(login({ command: "no-such-plugin", installHint: "Get it from example.com." }), {
      message:
        'User "login" of the kubeconfig cannot log in: its exec plugin no-such-plugin is not installed. Get it from example.com.',
    });
    await assert.rejects(
      login({ command: "sh", args: ["-c", "echo session expired >&2; exit 1"] }),
      /cannot log in: session expired$/,
    );
  });

  test("ends with the signal, even while a plugin waits for a person", async () => {
    const options = withUser("waiting", { exec: { command: "sleep", args: ["2"] } });
    const begun = performance.now();
    await assert.rejects(authorization({ ...options, signal: AbortSignal.timeout(100) }), {
      name: "TimeoutError",
    });
    assert.ok(performance.now() - begun < 1500);
  });

  test("that gets no answer names the server", async () => {
    const ask = (address: string, signal?: AbortSignal) => {
      const kubeconfig = write("silent", kubeconfigOf({ name: "silent", server: address, user: {} }));
      const cluster = connect({ kubeconfig, ...(signal === undefined ? {} : { signal }) });
      return requested("Version", cluster.version.getCode());
    };
    const silent = createServer(() => {}).listen(0, "127.0.0.1");
    const address = await new Promise<string>((done) =>
      silent.once("listening", () => done(`http://127.0.0.1:${(silent.address() as { port: number }).port}`)),
    );
    await assert.rejects(ask(address, AbortSignal.timeout(100)), {
      message: `Version: ${address} did not answer in time.`,
    });
    silent.closeAllConnections();
    await new Promise((done) => silent.close(done));
    const host = address.replace("http://", "");
    await assert.rejects(ask(address), {
      message: `Version: ${address} cannot be reached: connect ECONNREFUSED ${host}.`,
    });
  });

  test("that is refused says what the server said; what is not found is no error", async () => {
    const path = "/api/v1/namespaces/linkerd/secrets/x";
    const read = () => api.cluster.core.readNamespacedSecret({ name: "x", namespace: "linkerd" });
    api.objects = { [path]: new Refusal(403, 'secrets "x" is forbidden') };
    await assert.rejects(found("Secret linkerd/x", read()), {
      message: 'Secret linkerd/x: secrets "x" is forbidden (HTTP 403).',
    });
    api.objects = {};
    assert.equal(await found("Secret linkerd/x", read()), undefined);
    await assert.rejects(requested("Secret linkerd/x", read()), /not found \(HTTP 404\)/);
  });
});
