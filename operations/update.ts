/** Has a stack applied. */
import { spawn } from "node:child_process";

/** How backends say that another update of the stack is under way: a file's or bucket's, and Pulumi Cloud. */
const isLocked = /currently locked by|[Aa]nother update is currently in progress/;

/**
 * Runs `pulumi up`, whose progress goes to standard error.
 *
 * @param options of its own, such as `--refresh`.
 * @param variables of its environment, beside those of this process.
 * @throws Error if it fails; what it has said then stands above. Of another update that is under way, it says so.
 */
export async function runUpdate(
  stack: string,
  options: readonly string[] = [],
  variables: Readonly<Record<string, string>> = {},
): Promise<void> {
  await run(stack, "up", options, variables);
}

/**
 * Has the state forget what a killed Pulumi was creating, of which no update does of itself: `pulumi refresh` with
 * `--clear-pending-creates`. What has been created all the same is on the cluster, where the next update finds it.
 *
 * @throws Error as {@link runUpdate} does.
 */
export async function forgetPendingCreates(stack: string): Promise<void> {
  await run(stack, "refresh", ["--clear-pending-creates", "--skip-preview"]);
}

async function run(
  stack: string,
  command: "up" | "refresh",
  options: readonly string[],
  variables: Readonly<Record<string, string>> = {},
): Promise<void> {
  const args = [command, "--yes", ...options, "--stack", stack];
  const child = spawn("pulumi", args, {
    env: { ...process.env, ...variables },
    stdio: ["ignore", process.stderr, "pipe"],
  });
  const { promise, resolve, reject } = Promise.withResolvers<number | null>();
  let errors = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    errors += text;
    process.stderr.write(text);
  });
  child.on("error", reject);
  child.on("close", resolve);
  const code = await promise;
  if (code === 0) return;
  if (isLocked.test(errors)) {
    throw new Error(
      `Someone else is updating stack ${stack} now (who, stands above), and so nothing has been applied here. ` +
        "When that update has ended, type the same command again: it looks first where things stand. If it was killed and will never end: pulumi cancel, and the same command again.",
    );
  }
  throw new Error(
    `pulumi ${command} has failed (exit code ${code}), for the reason above; the same command goes on from there.`,
  );
}
