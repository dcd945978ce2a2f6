/** What Pulumi is asked for, on the stack itself or on a copy of it. */
import { spawn } from "node:child_process";
import { text } from "node:stream/consumers";
import { type Preview, readPreview } from "../preview.ts";
import type { SecretSetting } from "./adoption.ts";

/** A stack, and the environment in which Pulumi finds it. */
export interface Engine {
  readonly stack: string;
  readonly variables: NodeJS.ProcessEnv;
  readonly signal: AbortSignal;
}

/** Has the Kubernetes provider take fields over. */
export const force = { PULUMI_K8S_ENABLE_PATCH_FORCE: "true" };

interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command of Pulumi's to its end; what is secret goes in by its standard input. */
async function run(
  { stack, variables, signal }: Engine,
  args: readonly string[],
  input = "",
): Promise<Outcome> {
  // Fields that change are someone else's by now, who would have to give them up; a preview says so as well.
  const env = { ...variables, ...force };
  const child = spawn("pulumi", [...args, "--non-interactive", "--stack", stack], { env, signal });
  child.stdin.on("error", () => {}).end(input);
  const ended = new Promise<number | null>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", resolve);
  });
  const [code, stdout, stderr] = await Promise.all([ended, text(child.stdout), text(child.stderr)]);
  return { code, stdout, stderr };
}

/** @throws Error with what Pulumi says if it fails. */
export async function pulumi(engine: Engine, args: readonly string[], input?: string): Promise<string> {
  const { code, stdout, stderr } = await run(engine, args, input);
  if (code !== 0) {
    throw new Error(
      `pulumi ${args.slice(0, 2).join(" ")} has failed: ${(stderr.trim() || stdout.trim()).replace(/^error: /, "")}`,
    );
  }
  return stdout;
}

/** Keeps texts encrypted in the stack's file, without showing them to other processes. */
export async function setSecrets(engine: Engine, secrets: readonly SecretSetting[]): Promise<void> {
  for (const { path, value } of secrets) {
    await pulumi(engine, ["config", "set", "--secret", "--path", propertyPath(path)], value);
  }
}

/** In Pulumi's words: `providedTrustAnchors["1"]…` would be a list's place without quotes. */
function propertyPath([first, ...rest]: readonly string[]): string {
  return [first, ...rest.map((key) => `[${JSON.stringify(key)}]`)].join("");
}

/** A preview, also one that has failed: its errors are in it. */
export async function preview(engine: Engine, ...options: readonly string[]): Promise<Preview> {
  const { stdout, stderr } = await run(engine, ["preview", "--json", ...options]);
  try {
    return readPreview(stdout);
  } catch {
    throw new Error(`pulumi preview has failed: ${(stderr || stdout).trim().replace(/^error: /, "")}`);
  }
}
