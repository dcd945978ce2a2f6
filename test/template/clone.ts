/** What each job of a pipeline begins with, wherever it is run: a clone of its own, and a shell. */
import { execFile, execFileSync } from "node:child_process";
import { mkdtempSync } from "node:fs";
import { dirname, join } from "node:path";

const scriptTimeoutMilliseconds = 5 * 60_000;

export interface Job {
  readonly folder: string;
  readonly environment: NodeJS.ProcessEnv;
}

/** A new clone of a repository, beside it, with everything of a commit and nothing else. */
export function clone(repository: string, commit: string): string {
  const folder = mkdtempSync(join(dirname(repository), "job-"));
  execFileSync("git", ["clone", "--quiet", "--no-checkout", repository, folder]);
  execFileSync("git", ["checkout", "--quiet", "--detach", commit], { cwd: folder });
  return folder;
}

/** Runs a script to its end in the shell that GitHub and GitLab have for it, and gives all of its output. */
export const runScript = (script: string, { folder, environment }: Job) =>
  new Promise<{ code: number | null; log: string }>((done) => {
    const child = execFile(
      "bash",
      ["--noprofile", "--norc", "-eo", "pipefail", "-c", script],
      { cwd: folder, env: environment, timeout: scriptTimeoutMilliseconds, maxBuffer: 2 ** 26 },
      (_, stdout, stderr) => done({ code: child.exitCode, log: `$ ${script}\n${stdout}${stderr}` }),
    );
  });
