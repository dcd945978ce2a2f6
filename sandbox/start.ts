/**
 * `npm start`: brings the sandbox up, runs `pulumi up` of the stack `dev` on it with its events shown live, and shows
 * the credentials that the mesh uses, with the evidence. Run again, it changes nothing.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { watchContainerFailures } from "./containerFailures.ts";
import { defaultSandboxName, projectDirectory, sandboxPaths, stackName } from "./directories.ts";
import { ensureStack, sandboxEnvironment } from "./environment.ts";
import { up } from "./lifecycle.ts";
import { withLock } from "./lock.ts";
import { podsReady, sandboxKubeConfig } from "./machine/cluster.ts";

const sandbox = defaultSandboxName;

async function start(): Promise<void> {
  await up(sandbox, {}, console.log);
  const lock = `start ${sandboxPaths(sandbox).directory}`;
  await withLock(lock, "Another npm start is running on this sandbox", console.log, async () => {
    await ensureStack(sandbox, console.log);
    const tell = (text: string) => console.log(`\n${text}\n`);
    const endWatch = await watchContainerFailures(sandboxKubeConfig(sandbox), tell);
    try {
      await apply();
    } finally {
      await endWatch();
    }
  });
}

async function apply(): Promise<void> {
  const env = sandboxEnvironment(sandbox);
  console.log("\n$ pulumi up");
  if (!(await runVisibly("pulumi", ["up", "--stack", stackName, "--yes", "--skip-preview"], env))) {
    throw new Error(
      "pulumi up failed; what it changed so far stays. Fix the cause, and run npm start again.",
    );
  }
  await podsReady(sandbox);
  console.log("\n$ npm run -s status");
  const status = join(projectDirectory, "operations", "status", "status.ts");
  if (!(await runVisibly(process.execPath, [status], env))) {
    throw new Error("The cluster's credentials are not in order; the lines above say why.");
  }
  console.log(`
Linkerd runs in the sandbox, and its credentials rotate by themselves. To look around:
  npm run -s renew                          renew the issuer now, and see the mesh load it
  npm run -s status                         the table above, again
  npm run -s sandbox -- status              what runs, and what only stands in
  eval "$(npm run -s sandbox -- env)"       then plain pulumi, kubectl, helm and linkerd
  npm stop                                  stop the sandbox; its data stays`);
}

/** Runs a command whose output the user sees; true if it succeeds. Ctrl-C is left to the command. */
async function runVisibly(command: string, args: string[], env: NodeJS.ProcessEnv): Promise<boolean> {
  const ignore = () => {};
  process.on("SIGINT", ignore);
  try {
    const child = spawn(command, args, { env, cwd: projectDirectory, stdio: "inherit" });
    const [code] = await once(child, "exit");
    return code === 0;
  } finally {
    process.off("SIGINT", ignore);
  }
}

try {
  await start();
} catch (error) {
  console.error(`\nnpm start: ${(error as Error).message}`);
  process.exitCode = 1;
}
