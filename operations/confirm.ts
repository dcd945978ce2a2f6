/** Asks before something is changed. */
import { createInterface } from "node:readline/promises";

/** What is not done, and why. */
export class Refused extends Error {}

/**
 * Returns if the answer is yes.
 *
 * @param option to give where there is no terminal to ask on.
 * @throws Refused otherwise.
 */
export async function confirm(question: string, option: string): Promise<void> {
  if (!process.stdin.isTTY) throw new Refused(`There is no terminal to ask on: give ${option}.`);
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await terminal.question(`${question} (yes/no) `);
    if (answer.trim() !== "yes") throw new Refused("Nothing more is done.");
  } finally {
    terminal.close();
  }
}
