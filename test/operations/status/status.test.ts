/** The command itself, against an API server that holds a whole mesh but for its pods' ports. */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { after, suite, test } from "node:test";
import { main } from "../../../operations/status/status.ts";
import { joinBundle } from "../../../rules/credentials/bundle.ts";
import { Refusal, startApiServer } from "../../mesh/apiServer.ts";
import { inProcess } from "../inProcess.ts";
import { fixed, startPrometheusServer } from "./prometheusServer.ts";
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

suite("status --html with a Prometheus", async () => {
  const server = await startPrometheusServer();
  const html = join(api.directory, "status.html");
  const address = server.url.replace("//", "//jane:s3cret@");
  const basic = `Basic ${Buffer.from("jane:s3cret").toString("base64")}`;

  test("draws its history, and shows nobody the password that it is given", async () => {
    server.answer = (query) =>
      query.startsWith("linkerd_credentials_issuer_failed_attempts")
        ? [{ metric: {}, values: [[Date.now() / 1000, "7"]] }]
        : [];
    const { code, stdout, stderr } = await run(
      "--html",
      html,
      "--prometheus-url",
      address,
      "--history-hours",
      "3",
    );
    assert.deepEqual([code, stderr], [2, ""]);
    const page = readFileSync(html, "utf8");
    assert.match(page, /aria-label="Retries: failed 7"/);
    assert.ok(page.includes(`, every 36 s, by Prometheus at ${server.url}/.`));
    assert.ok(server.requests.length > 0);
    assert.ok(server.requests.every(({ authorization }) => authorization === basic));
    assert.doesNotMatch(page + stdout, /s3cret|jane/);
  });

  test("draws a day if it is not told otherwise", async () => {
    await run("--html", html, "--prometheus-url", server.url);
    assert.ok(readFileSync(html, "utf8").includes(`, every 4 min 48 s, by Prometheus at ${server.url}/.`));
  });

  test("writes the page and gives its verdict if there is no answer, and says so in both", async () => {
    server.answer = fixed(401, "who is there?");
    const { code, stdout, stderr } = await run("--json", "--html", html, "--prometheus-url", address);
    assert.equal(code, 2);
    assert.equal(JSON.parse(stdout).verdict, "problem");
    assert.equal(stderr, `Not all of the history is had from ${server.url}/: It answers with HTTP 401.\n`);
    const page = readFileSync(html, "utf8");
    assert.ok(
      page.includes(
        `<section class="warning"><b>${server.url}/</b> It answers with HTTP 401. Not drawn: Time left, `,
      ),
    );
    assert.match(page, /<h2>Timeline<[\s\S]*<h2>All of it</);
    assert.doesNotMatch(page + stderr, /s3cret|jane/);
  });

  const pageOption = ["--html", join(api.directory, "none.html")];
  for (const [options, message] of [
    [
      ["--prometheus-url", address],
      /^error: --prometheus-url draws into the page of --html: give --html <file>, too\.$/m,
    ],
    [
      ["--history-hours", "3", ...pageOption],
      /^error: --history-hours is for what --prometheus-url draws: give that, too\.$/m,
    ],
    [
      ["--prometheus-url", "jane:s3cret@example.com", ...pageOption],
      /^error: --prometheus-url is "example\.com"\. It has to be an http or https URL/m,
    ],
    ...["0", "1.5", "8761", "-1", "day", ""].map(
      (hours) =>
        [
          ["--history-hours", hours, "--prometheus-url", server.url, ...pageOption],
          /'--history-hours <n>' argument '.*' is invalid\. It is a whole number of hours from 1 to 8760\.$/m,
        ] as const,
    ),
  ] as const) {
    test(`looks at nothing with ${options.slice(0, 2).join(" ")}, which it refuses`, async () => {
      api.requests = [];
      const { code, stdout, stderr } = await inProcess(main, ...options);
      assert.deepEqual([code, stdout, api.requests], [2, "", []]);
      assert.match(stderr, message);
      assert.doesNotMatch(stderr, /s3cret|jane/);
      assert.ok(!existsSync(pageOption[1]!));
    });
  }
});
