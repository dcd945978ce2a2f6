import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { resolve } from "node:path";
import { test } from "node:test";

const projectDirectory = resolve(import.meta.dirname, "..", "..");

/** Runs Node in the project's folder with the file loaded first, as Pulumi does. */
function node(...options: string[]): Promise<{ code: unknown; stdout: string; stderr: string }> {
  const args = ["--require", "./infra/prepare.cjs", ...options];
  return new Promise((done) =>
    execFile(process.execPath, args, { cwd: projectDirectory }, (error, stdout, stderr) =>
      done({ code: error?.code ?? 0, stdout, stderr }),
    ),
  );
}

const nodeWith = (...options: string[]) => node(...options, "--print", "'started'");

test("a Node that runs TypeScript starts", async () => {
  assert.deepEqual(await nodeWith(), { code: 0, stdout: "started\n", stderr: "" });
});

test("a preview's thread does not keep a program alive that asks it nothing", async () => {
  const { code, stderr } = await node("--eval", "0", "--", "--dry-run");
  assert.deepEqual({ code, stderr }, { code: 0, stderr: "" });
});

test("a Node that does not is refused in one line", async () => {
  const { code, stdout, stderr } = await nodeWith("--no-strip-types");
  assert.equal(code, 1);
  assert.equal(stdout, "");
  assert.equal(
    stderr,
    `Node.js ${process.versions.node} does not run TypeScript by itself: install Node.js 22.18 or newer, 24 for example.\n`,
  );
});

/** Runs lines of a module that may `require`, and gives what the last one comes to. */
async function evaluate(...lines: string[]): Promise<unknown> {
  const start = `const require = process.getBuiltinModule("module").createRequire(process.cwd() + "/.");`;
  const end = `console.log(JSON.stringify(${lines.pop()}));`;
  const { code, stdout, stderr } = await node(
    "--input-type=module",
    "--eval",
    [start, ...lines, end].join("\n"),
  );
  assert.equal(code, 0, stderr);
  return JSON.parse(stdout);
}

test("what charts know is loaded where values are set", async () => {
  const knowsValues = (args: object) =>
    evaluate(
      `const { registerHooks } = process.getBuiltinModule("module");`,
      "const loaded = [];",
      "registerHooks({ load: (url, context, next) => (loaded.push(url), next(url, context)) });",
      `const { resolveSound } = await import("./components/validation.ts");`,
      `resolveSound(${JSON.stringify(args)});`,
      `loaded.some((url) => url.endsWith("/rules/charts/knownValues.ts"))`,
    );
  assert.equal(await knowsValues({ controlPlane: { highAvailability: true } }), false);
  assert.equal(await knowsValues({ controlPlane: { values: { controllerReplicas: 3 } } }), true);
});

test("a run loads neither what it does not use of the SDK, nor what reads certificates", async () => {
  const files = await evaluate(
    `await import("./infra/config.ts");`,
    `await import("./components/rotatingLinkerd.ts");`,
    // As Pulumi does before it runs a program.
    `require("@pulumi/pulumi/cmd/run/tracing");`,
    `require("source-map-support/register");`,
    "Object.keys(require.cache)",
  );
  const packages = new Set(
    (files as string[]).map((file) => /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(file)?.[1]),
  );
  assert.ok(packages.has("@pulumi/kubernetes"));
  const needless = [
    "pacote",
    "@opentelemetry/sdk-trace",
    // Of source-map-support.
    "buffer-from",
    "@peculiar/x509",
    "@peculiar/asn1-schema",
  ];
  assert.deepEqual(
    needless.filter((name) => packages.has(name)),
    [],
  );
});

test("npm's installer is there for those who use it", async () => {
  const paths = await evaluate(
    `const { runtime } = require("@pulumi/pulumi");`,
    "[...(await runtime.computeCodePaths()).keys()]",
  );
  assert.ok((paths as string[]).includes("node_modules/semver"));
});

test("what else is put off is there for those who use it", async () => {
  const used = await evaluate(
    `const { automation } = require("@pulumi/pulumi");`,
    `const { getSessionAsync } = require("@pulumi/pulumi/runtime/closure/v8Hooks");`,
    "[automation.LocalWorkspace.name, (await getSessionAsync()).constructor.name]",
  );
  assert.deepEqual(used, ["LocalWorkspace", "Session"]);
});

test("a run is traced where that is asked for, and nowhere else", async () => {
  const isRecording = (...lines: string[]) =>
    evaluate(
      `const tracing = require("@pulumi/pulumi/cmd/run/tracing");`,
      ...lines,
      `tracing.newSpan("a span").isRecording()`,
    );
  assert.equal(await isRecording(), false);
  assert.equal(await isRecording(`tracing.start("http://127.0.0.1:9/");`), true);
});
