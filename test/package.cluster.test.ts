/** In the user's place: the package, packed; a project made from the template; what it previews; the commands. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { KeyObject } from "node:crypto";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative, resolve } from "node:path";
import { after, before, test } from "node:test";
import { badChanges } from "../docs/badChanges.ts";
import { type Refusal, says } from "../docs/rotationRefusals.ts";
import { ensureToolchain } from "../sandbox/toolchain/toolchain.ts";
import { authority, hoursFromNow } from "./certificates.ts";
import { engineEnvironment, linkEngine } from "./engine.ts";

const repository = resolve(import.meta.dirname, "..");
const directory = mkdtempSync(join(tmpdir(), "package-"));
after(() => rmSync(directory, { recursive: true }));
const [template, project] = ["template", "project"].map((name) => join(directory, name)) as [string, string];

const readManifest = (folder: string) => JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
const ours = readManifest(repository);

const environment = {
  ...engineEnvironment(directory),
  npm_config_prefer_offline: "true",
  npm_config_ignore_scripts: "true",
};

/** Runs a command to its end, in the project's folder. */
const run = (command: string, ...args: string[]) => runIn(project, command, ...args);
const runIn = (cwd: string, command: string, ...args: string[]) =>
  new Promise<{ code: number | string | null; stdout: string; stderr: string }>((done) => {
    const child = execFile(
      command,
      args,
      { cwd, env: environment, maxBuffer: 2 ** 28 },
      (error, stdout, stderr) => done({ code: child.exitCode ?? String(error), stdout, stderr }),
    );
  });

async function succeed(...[cwd, command, ...args]: Parameters<typeof runIn>): Promise<string> {
  const { code, stdout, stderr } = await runIn(cwd, command, ...args);
  assert.equal(code, 0, `${command} ${args.join(" ")}: ${stdout}${stderr}`);
  return stdout;
}

/** What check says when nothing is wrong. */
const sound = { code: 0, stdout: "All right: Linkerd can work with this.\n", stderr: "" };

const command = (...args: string[]) => run("npx", "--no-install", "linkerd-rotating-tls", ...args);

let charts: Readonly<Record<string, string>>;

before(async () => {
  const toolchain = await ensureToolchain(console.log);
  charts = toolchain.charts;
  linkEngine(directory, toolchain);
  mkdirSync(project);
  cpSync(join(repository, "template"), template, { recursive: true });
  await succeed(repository, "npm", "run", "-s", "pack", "--", "--pack-destination", template);
  const settings = ["--config", "kubeContext=none", "--config", "trustDomain=mesh.example"];
  const named = ["--name", "mesh", "--description", "A mesh", "--stack", "dev"];
  await succeed(project, "pulumi", "new", template, "--yes", "--non-interactive", ...named, ...settings);
});

test("pulumi new makes a project of its own name, on the versions that this one is tested with", () => {
  const { name, dependencies, devDependencies } = readManifest(project);
  assert.equal(name, "mesh");
  for (const [dependency, version] of Object.entries({ ...dependencies, ...devDependencies })) {
    if (dependency === ours.name) continue;
    assert.equal(version, { ...ours.dependencies, ...ours.devDependencies }[dependency], dependency);
  }
  assert.match(
    readFileSync(join(project, "Pulumi.dev.yaml"), "utf8"),
    /^ {2}mesh:trustDomain: mesh\.example$/m,
  );
});

test("its command writes the files of the next stacks, by the project's name, and check passes them", async () => {
  for (const stack of ["staging", "prod"]) {
    const { code, stderr } = await command("new-stack", stack, "--context", "none");
    assert.deepEqual([code, stderr], [0, ""]);
    assert.match(
      readFileSync(join(project, `Pulumi.${stack}.yaml`), "utf8"),
      /^ {2}mesh:kubeContext: none$/m,
    );
    assert.deepEqual(await command("check", "--offline", "--config", `Pulumi.${stack}.yaml`), sound);
  }
});

test("the package has types, which accept the template and refuse an unknown argument", async () => {
  await succeed(project, "npx", "--no-install", "tsc");
  const wrong = join(project, "wrong.ts");
  writeFileSync(
    wrong,
    'import { RotatingLinkerd } from "linkerd-rotating-tls";\nnew RotatingLinkerd("x", { trustDoman: "x" });\n',
  );
  const { code, stdout } = await run("npx", "--no-install", "tsc");
  rmSync(wrong);
  assert.notEqual(code, 0);
  assert.match(stdout, /^wrong\.ts.*'trustDoman' does not exist in type 'RotatingLinkerdArgs'/m);
});

interface Step {
  readonly op: string;
  readonly urn: string;
  readonly newState: { readonly inputs: Readonly<Record<string, unknown>> };
}

test("each environment previews the component, and everything in it, as its file says", async () => {
  for (const stack of ["dev", "staging", "prod"]) {
    if (stack !== "dev") await succeed(project, "pulumi", "stack", "init", stack);
    const archives = [
      ["certManagerChart", "cert-manager"],
      ["linkerdCrdsChart", "linkerd-crds"],
      ["linkerdControlPlaneChart", "linkerd-control-plane"],
    ].map(([key, chart]) => `--plaintext=${key}=${relative(project, charts[chart!]!)}`);
    await succeed(project, "pulumi", "config", "set-all", "--stack", stack, ...archives);
    const preview = await succeed(project, "pulumi", "preview", "--stack", stack, "--json");
    const steps = JSON.parse(preview).steps as Step[];
    assert.deepEqual([...new Set(steps.map(({ op }) => op))], ["create"]);
    const created = steps.map(({ urn }) => urn.split("::").slice(2).join(" ").split("$").at(-1)!);
    for (const resource of [
      "linkerd-rotating-tls:index:RotatingLinkerd linkerd",
      "pulumi:providers:kubernetes kubernetes",
    ]) {
      assert.ok(created.includes(resource), `${resource} is not among: ${created.join(", ")}`);
    }
    const releases = steps
      .filter(({ urn }) => urn.includes("helm.sh/v3:Release::"))
      .map(({ newState }) => newState.inputs.name);
    assert.deepEqual(releases.sort(), ["cert-manager", "linkerd-control-plane", "linkerd-crds"]);
    const issuer = steps.find(
      ({ urn }) => urn.endsWith("::linkerd-identity-issuer") && urn.includes(":Certificate::"),
    );
    const { duration } = issuer!.newState.inputs.spec as { duration: string };
    assert.equal(duration, stack === "staging" ? "12h" : "48h");
  }
});

test("its policy pack refuses a preview in the words of its rules, and in development only tells them", async () => {
  const pack = ["--stack", "dev", "--policy-pack", "node_modules/.bin/linkerd-guardrails"];
  const bad: readonly (readonly [setting: string, rule: string, refusal: Refusal])[] = [
    ["protectTrustAnchors", "anchor-protected", badChanges["anchor-protected"].unprotected],
    ["rotateWebhookCredentials", "chart-credentials", badChanges["chart-credentials"].chartsOwn],
  ];
  for (const [setting] of bad)
    await succeed(project, "pulumi", "config", "set", "--stack", "dev", setting, "false");
  const { code, stdout } = await run("pulumi", "preview", ...pack);
  assert.notEqual(code, 0, stdout);
  const development = "node_modules/linkerd-rotating-tls/dist/policy/development.json";
  const told = await succeed(project, "pulumi", "preview", ...pack, "--policy-pack-config", development);
  for (const [output, level] of [
    [stdout, "mandatory"],
    [told, "advisory"],
  ] as const) {
    const said = output.slice(output.indexOf("Policies:")).replaceAll(/\s+/g, " ");
    for (const [, rule, refusal] of bad) {
      assert.ok(said.includes(`[${level}] ${rule} `) && says(said, refusal), `${refusal.words}\n${said}`);
    }
  }
  for (const [setting] of bad) await succeed(project, "pulumi", "config", "rm", "--stack", "dev", setting);
  const prod = ["--stack", "prod", ...pack.slice(2)];
  assert.match(await succeed(project, "pulumi", "preview", ...prod), /✅ linkerd-rotating-tls@v/);
});

test("a setting that does not exist is refused by its name", async () => {
  await succeed(project, "pulumi", "config", "set", "--stack", "prod", "trustDoman", "mesh.example");
  const { code, stdout, stderr } = await run("pulumi", "preview", "--stack", "prod");
  assert.notEqual(code, 0, stdout);
  assert.match(stdout + stderr, /trustDoman: There is no such setting\.\s+Fix: Did you mean trustDomain\?/);
});

test("its commands run by their names", async () => {
  const help = await command("--help");
  assert.equal(help.code, 0, help.stderr);
  assert.match(
    help.stdout,
    /^ {2}check .*\n {2}status .*\n {2}renew .*\n {2}rotate .*\n {2}recover .*\n {2}adopt .*\n {2}new-stack .*\n {2}review /m,
  );
  assert.match((await command("renew", "--help")).stdout, /^Usage: renew \[options\]/);
  // And as messages name them.
  for (const [, name = ""] of help.stdout.matchAll(/^ {2}([a-z-]+) /gm)) {
    const { stdout } = await run("npm", "run", "-s", name, "--", "--help");
    assert.ok(stdout.startsWith(`Usage: ${name} `), `${name}: ${stdout}`);
  }

  const anchor = await authority({ commonName: "root.linkerd.mesh.example", notAfter: hoursFromNow(87_600) });
  const issuer = await authority({ commonName: "identity.linkerd.mesh.example", signer: anchor });
  const write = (name: string, text: string | Buffer) => {
    writeFileSync(join(directory, name), text);
    return join(directory, name);
  };
  const files = [
    ["--bundle", write("anchors.pem", anchor.certificate.toString())],
    ["--issuer", write("issuer.pem", issuer.certificate.toString())],
    [
      "--key",
      write("issuer.key", KeyObject.from(issuer.privateKey).export({ format: "pem", type: "pkcs8" })),
    ],
    ["--trust-domain", "mesh.example"],
  ].flat();
  assert.deepEqual(await command("check", ...files), sound);
  assert.equal((await command("check", ...files, "--now", "2100-01-01T00:00:00Z")).code, 2);
  // The project's own stack, by the names of its keys.
  assert.deepEqual(await command("check", "--offline", "--stack", "dev"), sound);

  const { code, stderr } = await command("status");
  assert.equal(code, 2, stderr);
  assert.match(stderr, /The kubeconfig .* does not exist: set KUBECONFIG to the path of one/);
});
