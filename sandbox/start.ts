/**
 * `npm start`: brings the sandbox up, runs `pulumi up` of the stack `dev` on it with its events shown live, and shows
 * the credentials that the mesh uses, with the evidence. Run again, it changes nothing.
 */
import { spawn } from "node:child_process";
import { join } from "node:path";
import { KubeConfig } from "@kubernetes/client-node";
import { watchContainerFailures } from "./containerFailures.ts";
import { defaultSandboxName, projectDirectory } from "./directories.ts";
import {
  ensureStack,
  prepareStackConfiguration,
  releaseStaleLock,
  sandboxEnvironment,
} from "./environment.ts";
import { podsReady, sandboxPaths, up } from "./lifecycle.ts";

const sandbox = defaultSandboxName;

async function start(): Promise<void> {
  await up(sandbox, {}, (line) => console.log(line));
  await prepareStackConfiguration(sandbox);
  await ensureStack(sandbox);
  await releaseStaleLock(sandbox);
  const env = { ...process.env, ...sandboxEnvironment(sandbox) };

  const config = new KubeConfig();
  config.loadFromFile(sandboxPaths(sandbox).kubeconfig);
  const endWatch = await watchContainerFailures(config, (text) => console.log(`\n${text}\n`));
  console.log("\n$ pulumi up");
  const applied = await runVisibly("pulumi", ["up", "--yes", "--skip-preview"], env);
  await endWatch();
  if (!applied)
    throw new Error(
      "pulumi up failed; what it changed so far stays. Mend the cause, and run npm start again.",
    );

  await podsReady(sandbox);
  console.log("\n$ npm run -s credentials");
  const right = await runVisibly(
    process.execPath,
    [join(projectDirectory, "operations", "credentials.ts")],
    env,
  );
  if (!right) throw new Error("The cluster's credentials are not right; the lines above say why.");
  console.log(`
Linkerd runs in the sandbox, and its credentials rotate by themselves. To look around:
  npm run -s renew                          renew the issuer now, and see the mesh load it
  npm run -s credentials                    the table above, again
  npm run -s sandbox -- status              what runs, and what only stands in
  eval "$(npm run -s sandbox -- env)"       then plain pulumi, kubectl, helm and linkerd
  npm stop                                  stop the sandbox; its data stays`);
}

/** Runs a command whose output the user sees; true where it succeeds. Ctrl-C is the command's to handle. */
async function runVisibly(command: string, args: string[], env: NodeJS.ProcessEnv): Promise<boolean> {
  const ignore = () => {};
  process.on("SIGINT", ignore);
  try {
    const child = spawn(command, args, { env, cwd: projectDirectory, stdio: "inherit" });
    return await new Promise((done, failed) => {
      child.on("error", failed);
      child.on("exit", (code) => done(code === 0));
    });
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
