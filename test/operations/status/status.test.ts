/** The command itself, against an API server that holds a whole mesh but for its pods' ports. */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { resolve } from "node:path";
import { after, suite, test } from "node:test";
import { joinBundle } from "../../../rules/credentials/bundle.ts";
import { Refusal, startApiServer } from "../../mesh/apiServer.ts";
import { soundStatus } from "./soundStatus.ts";

const program = resolve(import.meta.dirname, "../../../operations/status/status.ts");
const api = await startApiServer();
const { issuer, anchor } = await soundStatus();
const inLinkerd = "/api/v1/namespaces/linkerd";
const none = { metadata: {}, items: [] };

/** A mesh without pods: no identity controller runs. */
const mesh = {
  [`${inLinkerd}/configmaps/linkerd-config`]: { data: { values: "{}" } },
  [`${inLinkerd}/configmaps/linkerd-identity-trust-roots`]: {
    data: { "ca-bundle.crt": joinBundle([String(anchor.certificate)]) },
  },
  [`${inLinkerd}/secrets/linkerd-identity-issuer`]: {
    data: { "tls.crt": Buffer.from(String(issuer.certificate)).toString("base64") },
  },
  [`${inLinkerd}/pods`]: none,
  [`${inLinkerd}/events`]: none,
  "/api/v1/pods": none,
  "/api/v1/namespaces": none,
};
api.objects = mesh;

const environment = { ...process.env, KUBECONFIG: api.kubeconfig, HOME: api.directory };
const begin = (...options: string[]) => {
  const child = spawn(process.execPath, [program, ...options], { env: environment });
  after(() => child.kill());
  return child;
};

async function run(...options: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const child = begin(...options);
  const [stdout, stderr] = [child.stdout, child.stderr].map((stream) => stream.setEncoding("utf8").toArray());
  const [code] = await once(child, "exit");
  return { code, stdout: (await stdout!).join(""), stderr: (await stderr!).join("") };
}

suite("status", () => {
  test("ends with 2 where something is wrong, and has no colours in a pipe", async () => {
    const { code, stdout } = await run();
    assert.equal(code, 2);
    assert.match(
      stdout,
      /^Problem: Deployment linkerd\/linkerd-identity: No identity controller is running/m,
    );
    assert.ok(!stdout.includes("\u001b["));
  });

  test("has colours where they are asked for", () => {
    const colour = `import("${resolve(program, "../../colour.ts")}")`;
    const print = (env: object) =>
      spawnSync(
        process.execPath,
        ["-e", `${colour}.then((c) => console.log(c.coloured("Warning: x\\nWarning")))`],
        {
          env: { ...process.env, ...env },
        },
      ).stdout.toString();
    assert.equal(print({ NO_COLOR: "1" }), "Warning: x\nWarning\n");
    assert.equal(
      print({ FORCE_COLOR: "1", NO_COLOR: undefined }),
      "\u001b[33mWarning:\u001b[39m x\nWarning\n",
    );
  });

  test("says what may not be seen, and judges the rest", async () => {
    api.objects = {
      ...mesh,
      "/api/v1/pods": new Refusal(403, "pods is forbidden"),
      "/apis/workload.linkerd.io/v1beta1/externalworkloads": new Refusal(
        403,
        "externalworkloads is forbidden",
      ),
    };
    const { code, stdout } = await run();
    assert.equal(code, 2);
    assert.match(stdout, /^Meshed pods: not known$/m);
    assert.match(
      stdout,
      /^Warning: --context: This could not be seen, .*: Pods of every namespace: pods is forbidden/m,
    );
    assert.match(stdout, /ExternalWorkloads of every namespace: externalworkloads is forbidden/);
    api.objects = mesh;
  });

  test("looks again and again with --watch, one line of JSON each, until it is interrupted", async () => {
    const child = begin("--watch", "50ms", "--json");
    let output = "";
    for await (const chunk of child.stdout.setEncoding("utf8")) {
      output += chunk;
      if (output.split("\n").length > 3) child.kill("SIGINT");
    }
    const [code] = child.exitCode === null ? await once(child, "exit") : [child.exitCode];
    assert.equal(code, 130);
    const lines = output.trimEnd().split("\n");
    assert.ok(lines.length >= 3);
    for (const line of lines) assert.equal(JSON.parse(line).verdict, "problem");
  });

  test("goes on watching when the cluster gives no answer for a while", async () => {
    const gone = new Refusal(500, "etcd is gone");
    api.objects = { ...mesh, [`${inLinkerd}/events`]: gone };
    const child = begin("--watch", "50ms");
    const [error] = await once(child.stderr.setEncoding("utf8"), "data");
    assert.match(error, /etcd is gone/);
    api.objects = mesh;
    const [seen] = await once(child.stdout.setEncoding("utf8"), "data");
    assert.match(seen, /^Linkerd in namespace linkerd/);
    child.kill("SIGINT");
    await once(child, "exit");
  });

  test("takes --fix not beside --watch, which would restart again and again", async () => {
    const { code, stderr } = await run("--fix", "--watch");
    assert.equal(code, 2);
    assert.match(stderr, /'--fix' cannot be used with option '--watch/);
  });
});
