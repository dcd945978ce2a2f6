/** A sandbox of the test file's own, its stack, and the commands that a test runs on them. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join, resolve } from "node:path";
import { after } from "node:test";
import { connect, type Mesh } from "../mesh/cluster.ts";
import { ensureStack, sandboxEnvironment } from "../sandbox/environment.ts";
import { up as bringUp, reset } from "../sandbox/lifecycle.ts";
import { sandboxKubeConfig } from "../sandbox/machine/cluster.ts";
import type { Extra } from "../sandbox/toolchain/tools.ts";

export const projectDirectory = resolve(import.meta.dirname, "..");

/** The sandbox is named after the test file: the user's own stays as it is, and files run side by side. */
export const sandboxName = basename(process.argv[1]!).replace(".cluster.test.ts", "");

/** The environment in which commands run; a test may add to it. */
export const environment = sandboxEnvironment(sandboxName);

/** No command that a test runs takes this long, even on a busy machine. */
const commandTimeoutMilliseconds = 10 * 60_000;

/** Starts a new sandbox with a stack, and with what else the tests need. */
export async function startSandbox(...extras: readonly Extra[]): Promise<void> {
  await removeSandbox();
  await bringUp(sandboxName, {}, console.log, extras);
  await ensureStack(sandboxName, console.log);
}

export const removeSandbox = () => reset(sandboxName, console.log);

/** A folder outside the project, which is removed after the tests. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), `${sandboxName}-`));
  after(() => rmSync(folder, { recursive: true }));
  return folder;
}

export const kubeConfig = () => sandboxKubeConfig(sandboxName);

/** The sandbox's cluster, as the program's commands see it. */
export function connectTo(namespace: string): Mesh {
  process.env.KUBECONFIG = environment.KUBECONFIG;
  return { ...connect(), namespace };
}

export interface CommandResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Runs a command to its end, whatever its exit code. `onOutput` sees the output as it comes, and can kill the command.
 *
 * @throws with the output so far if the command has not ended after ten minutes; it is killed then.
 */
export async function execute(
  command: string,
  args: readonly string[],
  onOutput: (text: string, kill: () => void) => void = () => {},
  env = environment,
): Promise<CommandResult> {
  const child = spawn(command, args, {
    cwd: projectDirectory,
    env,
    stdio: ["ignore", "pipe", "pipe"],
    // A group of its own, so that killing it also kills what it started.
    detached: true,
  });
  const kill = () => {
    try {
      process.kill(-child.pid!, "SIGKILL");
    } catch {
      // It has ended.
    }
  };
  const output = { stdout: "", stderr: "" };
  for (const stream of ["stdout", "stderr"] as const) {
    child[stream].setEncoding("utf8").on("data", (text: string) => {
      output[stream] += text;
      onOutput(text, kill);
    });
  }
  const signal = AbortSignal.timeout(commandTimeoutMilliseconds);
  try {
    const [code] = await once(child, "close", { signal });
    return { code, ...output };
  } catch (error) {
    if (!signal.aborted) throw error;
    kill();
    const said = `${output.stdout}${output.stderr}`;
    throw new Error(`${command} ${args.join(" ")} was killed after ten minutes; it said:\n${said}`);
  }
}

/** Runs a command that must succeed, and gives what it writes to its standard output. */
export async function run(command: string, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await execute(command, args);
  assert.equal(code, 0, `${command} ${args.join(" ")} ended with ${code}:\n${stdout}${stderr}`);
  return stdout;
}

export const kubectl = (...args: string[]) => run("kubectl", ...args);
export const pulumi = (...args: string[]) => run("pulumi", ...args);
export const set = (key: string, value: string) => pulumi("config", "set", "--path", key, value);
export const unset = (key: string) => pulumi("config", "rm", "--path", key);

const atOnce = ["--yes", "--skip-preview"];
export const up = (...options: string[]) => pulumi("up", ...atOnce, ...options);
export const upChangesNothing = () => up("--expect-no-changes");
export const destroy = () => pulumi("destroy", ...atOnce);

/** Runs Pulumi, which must fail, and gives all of its output. */
export async function refused(
  command: "preview" | "up" | "destroy",
  onOutput?: (text: string) => void,
): Promise<string> {
  const options = command === "preview" ? [] : atOnce;
  const { code, stdout, stderr } = await execute("pulumi", [command, ...options], onOutput);
  assert.notEqual(code, 0, stdout);
  return stdout + stderr;
}

type Operation = "adopt" | "check" | "status" | "renew" | "rotate" | "recover";

/** Runs one of the program's own commands, whatever its exit code. */
export const operation = (name: Operation, ...options: string[]) =>
  execute(process.execPath, [`operations/${name}/${name}.ts`, ...options]);

/** Findings of `npm run -s check`, and its exit code. */
export async function check(
  ...options: string[]
): Promise<{ code: number | null; findings: { rule: string; fix: string }[] }> {
  const { code, stdout } = await operation("check", "--json", ...options);
  return { code, findings: JSON.parse(stdout).findings };
}

interface Renewal {
  readonly evidence: readonly { readonly step: string }[];
  readonly issuer: { readonly serialNumber: string };
}

interface Status {
  readonly anchors: readonly unknown[];
  readonly issuer: { readonly serialNumber: string };
  readonly loaded: readonly {
    readonly podName: string;
    readonly issuer?: { readonly serialNumber: string };
    readonly anchor?: {
      readonly subject: string;
      readonly serialNumber: string;
      readonly fingerprintSha256: string;
    };
  }[];
  readonly lastReload?: { readonly reason: string; readonly time: string };
}

/** The report of one of the program's own commands, which must succeed. */
async function reportOf(name: Operation) {
  const { code, stdout, stderr } = await operation(name, "--json");
  assert.equal(code, 0, stdout + stderr);
  return JSON.parse(stdout);
}

/** Renews the identity issuer. */
export async function renew(): Promise<Renewal> {
  const report = await reportOf("renew");
  assert.equal(report.renewed, true);
  return report;
}

/** The credentials, none of which may be a problem. */
export async function soundCredentials(): Promise<Status> {
  const report = await reportOf("status");
  assert.equal(report.verdict, "ok");
  return report;
}

/** The credentials as they are, problems included: between two issuers there are some. */
export async function credentials(): Promise<Status> {
  return JSON.parse((await operation("status", "--json")).stdout);
}
