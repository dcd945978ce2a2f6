/** Runs a command of operations/ in the test's own process: to load one takes a second, and a table has many cases. */
import { mock } from "node:test";

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

class Exit extends Error {
  readonly code: number;

  constructor(code: number) {
    super(`exit code ${code}`);
    this.code = code;
  }
}

/**
 * What the command would have printed, and its exit code; not for `--help`, which commander prints past the console.
 *
 * @param main of the command, which reads `process.argv`.
 */
export async function inProcess(main: () => Promise<void>, ...args: readonly string[]): Promise<Ended> {
  let [stdout, stderr] = ["", ""];
  const { argv } = process;
  const mocks = [
    mock.method(console, "log", (text: string) => {
      stdout += `${text}\n`;
    }),
    mock.method(process.stderr, "write", (text: string) => {
      stderr += text;
      return true;
    }),
    mock.method(process, "exit", (code: number) => {
      throw new Exit(code);
    }),
  ];
  process.argv = [process.execPath, "command", ...args];
  try {
    await main();
    return { code: Number(process.exitCode ?? 0), stdout, stderr };
  } catch (error) {
    if (error instanceof Exit) return { code: error.code, stdout, stderr };
    throw error;
  } finally {
    process.argv = argv;
    process.exitCode = undefined;
    for (const { mock: one } of mocks) one.restore();
  }
}
