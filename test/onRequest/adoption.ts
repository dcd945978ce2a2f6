/** What the tests of adoptions do on a sandbox whose mesh others have installed. */
import assert from "node:assert/strict";
import { KeyObject } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parse, stringify } from "yaml";
import { sandboxPaths } from "../../sandbox/directories.ts";
import { ensureStack } from "../../sandbox/environment.ts";
import { chartArchive } from "../../sandbox/programs.ts";
import type { Fabricated } from "../certificates.ts";
import { commandBlocks } from "../docs/commandBlocks.ts";
import { removeLoad, undisturbed } from "../meshLoad.ts";
import {
  type CommandResult,
  destroy,
  execute,
  kubectl,
  operation,
  pulumi,
  run,
  sandboxName,
  set,
  temporaryFolder,
  up,
} from "../stack.ts";

export const inLinkerd = "--namespace=linkerd";
export const folder = temporaryFolder();
export const stackFile = () => sandboxPaths(sandboxName).stackConfiguration;

/** What the commands have said. */
export const said: string[] = [];

export const pemOf = ({ certificate }: Fabricated) => certificate.toString();
export const keyOf = ({ privateKey }: Fabricated) =>
  KeyObject.from(privateKey).export({ format: "pem", type: "sec1" }).toString();

export function write(name: string, content: string): string {
  const file = join(folder, name);
  writeFileSync(file, content, { mode: 0o600 });
  return file;
}

export const apply = (name: string, ...objects: object[]) =>
  kubectl(
    "apply",
    "--filename",
    write(`${name}.json`, JSON.stringify({ apiVersion: "v1", kind: "List", items: objects })),
  );

export async function adopt(...options: string[]): Promise<CommandResult> {
  const result = await operation("adopt", ...options);
  said.push(result.stdout, result.stderr);
  return result;
}

/** The commands of docs/adoption.md that a test runs. */
const scriptsOf = (name: string) =>
  commandBlocks("docs/adoption.md")
    .filter(({ remark }) => remark === `run by test/onRequest/${name}.cluster.test.ts`)
    .map(({ script }) => script);
const scripts = scriptsOf("adopt");
const checkIt = scripts[2];
export const [look, adoptIt, , trustBoth, signByNew, backOut] = scripts;
export const [readKey, backOutRecords] = scriptsOf("adopt-more");

/** Runs commands of the page. */
export async function runScript(script: string | undefined): Promise<CommandResult> {
  const result = await execute("bash", ["-c", `set -e\n${script}`]);
  said.push(result.stdout, result.stderr);
  return result;
}

/** What it says as it refuses, and changes nothing. */
export async function refused(...options: string[]): Promise<string> {
  const before = [readFileSync(stackFile(), "utf8"), await versions()];
  const { code, stdout, stderr } = await adopt(...options);
  assert.equal(code, 2, stdout + stderr);
  assert.deepEqual([readFileSync(stackFile(), "utf8"), await versions()], before);
  return stderr;
}

/** Linkerd's namespace, as its documentation on control plane credentials has it. */
export const makeNamespace = () =>
  apply("namespace", {
    apiVersion: "v1",
    kind: "Namespace",
    metadata: {
      name: "linkerd",
      annotations: { "linkerd.io/inject": "disabled" },
      labels: {
        "linkerd.io/is-control-plane": "true",
        "config.linkerd.io/admission-webhooks": "disabled",
        "linkerd.io/control-plane-ns": "linkerd",
      },
    },
  });

/**
 * Linkerd's charts, by Helm, with values of one's own.
 *
 * @param names of the releases of its definitions and of its control plane.
 */
export async function installCharts(
  values: object,
  names: readonly [string, string] = ["linkerd-crds", "linkerd-control-plane"],
): Promise<void> {
  await run("helm", "install", names[0], await chartArchive(sandboxName, "linkerd-crds"), inLinkerd);
  const file = write("values.yaml", stringify({ ...values, podLabels: { team: "mesh" } }));
  const chart = await chartArchive(sandboxName, "linkerd-control-plane");
  await run("helm", "install", names[1], chart, inLinkerd, `--values=${file}`, "--wait", "--timeout=5m");
}

/** A stack without state or settings, as `pulumi stack init` makes it. */
export async function newStack(): Promise<void> {
  const { encryptionsalt } = parse(readFileSync(stackFile(), "utf8"));
  const config = { "linkerd-rotating-tls:helmTimeoutSeconds": "300" };
  writeFileSync(stackFile(), stringify({ encryptionsalt, config }));
  await ensureStack(sandboxName, console.log);
}

export const forgetStack = () => pulumi("stack", "rm", "dev", "--force", "--yes", "--preserve-config");

/** What tells whether anything of the mesh has been touched. */
export const versions = () =>
  kubectl(
    "get",
    "secrets,configmaps,deployments,issuers,certificates.cert-manager.io",
    inLinkerd,
    "--ignore-not-found",
    "--output=custom-columns=:.kind,:.metadata.name,:.metadata.generation,:.data",
  );

const bundle = () =>
  kubectl("get", "configmap/linkerd-identity-trust-roots", inLinkerd, "--output=jsonpath={.data}");

/** Adopts the mesh while proxies go on as before, and looks that the stack has all of it. */
export async function adopts(command: () => Promise<CommandResult>): Promise<void> {
  const before = await bundle();
  await undisturbed(async () => void succeeded(await command()));
  assert.equal(await bundle(), before);
  const { stdout } = succeeded(await runScript(checkIt));
  assert.match(stdout, /All right.*there is nothing to adopt/s);
}

export function succeeded(result: CommandResult): CommandResult {
  assert.equal(result.code, 0, result.stdout + result.stderr);
  return result;
}

/** Has the backend lose the stack, whose file stays, and makes it anew. */
export async function loseState(): Promise<void> {
  await forgetStack();
  await ensureStack(sandboxName, console.log);
}

/** Starts an adoption, and kills it as soon as a line appears. */
export async function killedAt(line: RegExp, ...options: string[]): Promise<void> {
  let isKilled = false;
  const args = ["operations/adopt/adopt.ts", "--yes", ...options];
  await execute(process.execPath, args, (text, kill) => {
    if (!line.test(text)) return;
    isKilled = true;
    kill();
  });
  assert.ok(isKilled);
  // A killed engine cannot take its lock back.
  await ensureStack(sandboxName, console.log);
}

/** The keys that the issuer's Secret has, and whether cert-manager has filled it. */
export async function issuerSecret(): Promise<{ keys: readonly string[]; byCertManager: boolean }> {
  const secret = JSON.parse(
    await kubectl("get", "secret/linkerd-identity-issuer", inLinkerd, "--output=json"),
  );
  return {
    keys: Object.keys(secret.data),
    byCertManager: "cert-manager.io/certificate-name" in secret.metadata.annotations,
  };
}

/** Removes the mesh, and what was there before the stack. */
export async function remove(): Promise<void> {
  await removeLoad();
  await set("protectTrustAnchors", "false");
  await up();
  await destroy();
  assert.equal(
    await kubectl("get", "deployments,issuers,certificates.cert-manager.io", inLinkerd, "--output=name"),
    "",
  );
  await kubectl("delete", "namespace", "linkerd");
}
