/** `new-stack`: what it writes, what it refuses, and what it asks. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { after, beforeEach, test } from "node:test";
import { parse } from "yaml";
import { types } from "../../../infra/config.ts";
import { environmentOf, environments } from "../../../operations/newStack/environments.ts";
import { stackFile } from "../../../operations/newStack/stackFile.ts";
import { authority, hoursFromNow } from "../../certificates.ts";

const repository = resolve(import.meta.dirname, "../../..");
const folder = mkdtempSync(join(tmpdir(), "new-stack-"));
after(() => rmSync(folder, { recursive: true }));
const project = join(folder, "project");
const inProject = (file: string) => join(project, file);

beforeEach(() => {
  rmSync(project, { recursive: true, force: true });
  mkdirSync(project);
  writeFileSync(inProject("Pulumi.yaml"), readFileSync(join(repository, "Pulumi.yaml")));
});

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command in the project's folder; `answer` gives what to type after the output so far, if anything. */
function run(
  [command, ...args]: readonly [string, ...string[]],
  answer: (output: string) => string | undefined = () => undefined,
  cwd = project,
): Promise<Ended> {
  return new Promise((done) => {
    const child = spawn(command, args, { cwd, env: { ...process.env, PULUMI_OPTION_CWD: "" } });
    const output = { stdout: "", stderr: "" };
    for (const stream of ["stdout", "stderr"] as const) {
      child[stream].setEncoding("utf8").on("data", (text: string) => {
        output[stream] += text;
        const typed = answer(output.stdout + output.stderr);
        if (typed !== undefined) child.stdin.write(typed);
      });
    }
    // Nothing is left to type.
    if (answer("") === "") child.stdin.end();
    child.on("close", (code) => done({ code, ...output }));
  });
}

const command = [process.execPath, join(repository, "operations/newStack/newStack.ts")] as const;
const newStack = (...args: string[]) => run([...command, ...args], () => "");

/** On a terminal of its own. */
const onTerminal = (args: readonly string[], answers: Readonly<Record<string, string>>) => {
  const waiting = Object.entries(answers);
  const line = [...command, ...args].map((part) => `'${part}'`).join(" ");
  return run(["script", "--quiet", "--return", "--command", line, "/dev/null"], (output) => {
    const [question, answer] = waiting[0] ?? [];
    if (question === undefined || !output.includes(question)) return undefined;
    waiting.shift();
    return answer;
  });
};

const checkFile = (file: string) =>
  run(
    [process.execPath, join(repository, "operations/check/check.ts"), "--config", file, "--offline"],
    () => "",
  );

for (const [stack, environment] of [
  ["dev", "development"],
  ["staging", "staging"],
  ["prod", "production"],
] as const) {
  test(`${stack} is for ${environment}; its file is the template's, and check passes it`, async () => {
    const { code, stdout, stderr } = await newStack(stack, "--context", `my-${stack}-cluster`);
    assert.deepEqual({ code, stderr }, { code: 0, stderr: "" });
    assert.equal(
      stdout,
      `Pulumi.${stack}.yaml is written, for ${environment}. Read it, and commit it. Then:
  pulumi stack init ${stack}
  pulumi preview --stack ${stack}
`,
    );
    const text = readFileSync(inProject(`Pulumi.${stack}.yaml`), "utf8");
    const golden = readFileSync(join(repository, "template", `Pulumi.${stack}.yaml`), "utf8");
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is a placeholder of `pulumi new`.
    assert.equal(text, golden.replaceAll("${PROJECT}", "linkerd-rotating-tls"));
    assert.deepEqual(await checkFile(`Pulumi.${stack}.yaml`), {
      code: 0,
      stdout: "All right: Linkerd can work with this.\n",
      stderr: "",
    });
  });
}

test("every setting exists, below a comment, and each line has its width", () => {
  for (const environment of environments) {
    for (const [source, chartMirror] of [
      ["stack", undefined],
      ["cluster", "oci://registry.example.com/charts"],
    ] as const) {
      const text = stackFile("linkerd-rotating-tls", {
        environment,
        context: "eu",
        trustDomain: "cluster.local",
        credentials: { source },
        chartMirror,
      });
      const keys = Object.keys(parse(text).config).map((key) => key.split(":")[1]!);
      const unknown = keys.filter((key) => !Object.hasOwn(types, key));
      assert.deepEqual(unknown, []);
      assert.equal(keys.includes("trustManagerChartVersion"), source === "cluster");
      assert.match(text, /^# .*\nconfig:\n {2}# /);
      assert.ok(text.split("\n").every((line) => line.length <= 120));
    }
  }
});

test("credentials of someone else's, and charts from a mirror of one's own", async () => {
  const root = await authority({ commonName: "root.linkerd.mesh.example", notAfter: hoursFromNow(87_600) });
  writeFileSync(inProject("root.pem"), root.certificate.toString());
  const given = ["--context=eu", "--trust-domain=mesh.example", "--trust-anchor=root.pem"];
  const settingsOf = async (name: string, ...args: string[]) => {
    const { code, stdout, stderr } = await newStack(name, ...given, ...args);
    assert.equal(code, 0, stdout + stderr);
    const { config } = parse(readFileSync(inProject(`Pulumi.${name}.yaml`), "utf8"));
    return (key: string) => config[`linkerd-rotating-tls:${key}`];
  };
  const mirror = "--chart-mirror=https://charts.example.com";
  const issuer = await settingsOf("prod", "--credentials=issuer", "--issuer=ClusterIssuer/company", mirror);
  assert.deepEqual(issuer("identityIssuerRef"), { kind: "ClusterIssuer", name: "company" });
  assert.deepEqual(issuer("providedTrustAnchors"), { 1: { certificateFile: "root.pem" } });
  assert.equal(issuer("certManagerChartRepository"), "https://charts.example.com");
  assert.equal(issuer("linkerdChartRepository"), "https://charts.example.com");
  const secret = await settingsOf("staging", "--credentials=secret");
  assert.equal(secret("identityIssuerSource"), "secret");
  assert.equal(secret("trustDomain"), "mesh.example");
});

test("as JSON: the file, the environment, what check found, and the next commands", async () => {
  const { stdout } = await newStack("prod-eu", "--context", "eu", "--json");
  assert.deepEqual(JSON.parse(stdout), {
    verdict: "ok",
    findings: [],
    file: "Pulumi.prod-eu.yaml",
    environment: "production",
    written: true,
    next: ["pulumi stack init prod-eu", "pulumi preview --stack prod-eu"],
  });
});

test("a file with an error is not written, and with a warning it is", async () => {
  const missing = ["--credentials", "secret", "--trust-anchor", "missing.pem"];
  const refused = await newStack("prod", "--context", "eu", ...missing, "--json");
  assert.equal(refused.code, 2);
  const { verdict, written, next, findings } = JSON.parse(refused.stdout);
  assert.deepEqual([verdict, written, next, findings[0].rule], ["error", false, [], "file-readable"]);
  assert.match(
    (await newStack("prod", "--context", "eu", ...missing)).stdout,
    /^Error: providedTrustAnchors\.1\.certificateFile: .*\n {4}Fix: .*\n {4}Rule: .*\nPulumi\.prod\.yaml is not written\.\n$/,
  );
  assert.deepEqual(readdirSync(project), ["Pulumi.yaml"]);

  const root = await authority({ commonName: "root", notAfter: hoursFromNow(50 * 24) });
  writeFileSync(inProject("ends.pem"), root.certificate.toString());
  const warned = await newStack("prod", "--context=eu", "--credentials=secret", "--trust-anchor=ends.pem");
  assert.equal(warned.code, 1, warned.stdout + warned.stderr);
  assert.match(warned.stdout, /^Warning: .*\n(.*\n)*Pulumi\.prod\.yaml is written, for production\./);
});

test("nothing is overwritten", async () => {
  writeFileSync(inProject("Pulumi.staging.yaml"), "mine\n");
  const { code, stdout, stderr } = await newStack("staging", "--context", "eu");
  assert.deepEqual([code, stdout], [2, ""]);
  assert.match(stderr, /^Pulumi\.staging\.yaml is there already, and is not overwritten\. /);
  assert.equal(readFileSync(inProject("Pulumi.staging.yaml"), "utf8"), "mine\n");
});

for (const [title, args, expected] of [
  ["no name", [], /missing required argument 'name'/],
  [
    "an organisation in the name",
    ["acme/staging", "--context=eu"],
    /'acme\/staging' is invalid .* organisation/,
  ],
  ["a name with a space", ["a b", "--context=eu"], /A stack's name has 1 to 100 of a-z/],
  ["a name that is too long", ["a".repeat(101), "--context=eu"], /A stack's name has 1 to 100 of a-z/],
  [
    "no environment and no terminal",
    ["eu", "--context=eu"],
    /^error: --environment is needed: there is no terminal/,
  ],
  ["no context and no terminal", ["staging"], /^error: --context is needed: there is no terminal/],
  ["no anchor", ["prod", "--context=eu", "--credentials=secret"], /^error: --trust-anchor is needed/],
  [
    "no issuer",
    ["prod", "--context=eu", "--credentials=issuer", "--trust-anchor=a.pem"],
    /^error: --issuer is needed/,
  ],
  [
    "an unknown environment",
    ["eu", "--environment=qa"],
    /Allowed choices are development, staging, production/,
  ],
  ["an empty context", ["dev", "--context= "], /It must not be empty/],
  ["a wrong domain", ["dev", "--context=eu", "--trust-domain=A"], /--trust-domain/],
  ["a wrong issuer", ["dev", "--issuer=company"], /Write it like ClusterIssuer\/company/],
  ["a wrong mirror", ["dev", "--chart-mirror=charts"], /Write it like https:\/\//],
  [
    "an anchor without need",
    ["dev", "--trust-anchor=a.pem"],
    /--trust-anchor goes with --credentials issuer or secret/,
  ],
  [
    "an issuer without need",
    ["dev", "--issuer=a/b", "--credentials=secret"],
    /--issuer goes with --credentials issuer/,
  ],
] as const) {
  test(`refused, and nothing written: ${title}`, async () => {
    const { code, stdout, stderr } = await newStack(...args);
    assert.deepEqual([code, stdout], [2, ""], stderr);
    assert.match(stderr, expected);
    assert.deepEqual(readdirSync(project), ["Pulumi.yaml"]);
  });
}

test("outside a project it says so", async () => {
  const { code, stderr } = await run([...command, "staging", "--context=eu"], () => "", folder);
  assert.equal(code, 2);
  assert.match(stderr, /^There is no Pulumi\.yaml in .* or above it/);
});

test("beside a project's stacks, where Pulumi looks for them", async () => {
  const file = inProject("Pulumi.yaml");
  writeFileSync(file, `${readFileSync(file, "utf8")}\nstackConfigDir: stacks\n`);
  mkdirSync(inProject("stacks/deep"), { recursive: true });
  const { code, stderr } = await run([...command, "dev", "--context=eu"], () => "", inProject("stacks/deep"));
  assert.equal(code, 0, stderr);
  assert.ok(existsSync(inProject("stacks/Pulumi.dev.yaml")));
});

test("on a terminal it asks for what it needs, again where the answer does not fit", async () => {
  const { code, stdout } = await onTerminal(["eu"], {
    "What is eu for": "qa\r",
    "It is one of development, staging, production": "staging\r",
    "Context of the kubeconfig for eu": "my-eu-cluster\r",
  });
  assert.equal(code, 0, stdout);
  assert.match(stdout, /Pulumi\.eu\.yaml is written, for staging\./);
  assert.match(readFileSync(inProject("Pulumi.eu.yaml"), "utf8"), /:kubeContext: my-eu-cluster$/m);
});

for (const [title, key] of [
  ["Ctrl-C", "\x03"],
  ["the end of the input", "\x04"],
] as const) {
  test(`${title} leaves nothing behind`, async () => {
    const { code, stdout } = await onTerminal(["staging"], { "Context of the kubeconfig": key });
    assert.equal(code, 130, stdout);
    assert.match(stdout, /Interrupted\. Nothing is written\./);
    assert.deepEqual(readdirSync(project), ["Pulumi.yaml"]);
  });
}

test("a name tells its environment", () => {
  for (const [name, expected] of Object.entries({
    dev: "development",
    "my-test": "development",
    "eu.staging": "staging",
    "pre-prod": "staging",
    Prod_EU: "production",
    eu: undefined,
    product: undefined,
  })) {
    assert.equal(environmentOf(name), expected, name);
  }
});
