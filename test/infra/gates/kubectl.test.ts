import assert from "node:assert/strict";
import { test } from "node:test";
import { checkKubectl, kubectlFor } from "../../../infra/gates/kubectl.ts";

/** Runs with another PATH, on which kubectl is looked for. */
async function withPath<T>(path: string, run: () => Promise<T>): Promise<T> {
  const before = process.env.PATH;
  process.env.PATH = path;
  try {
    return await run();
  } finally {
    process.env.PATH = before;
  }
}

test("without kubectl on PATH, the error says what it is for and what to do", () =>
  withPath("/nowhere", () =>
    assert.rejects(
      checkKubectl(kubectlFor(undefined, undefined)),
      /kubectl cannot be run \(spawn kubectl ENOENT\), and nothing is changed without it: .*Install it, and put it on PATH/,
    ),
  ));

test("it is asked of the client alone, whatever the cluster", async () => {
  const calls: string[][] = [];
  await checkKubectl(async (...args) => {
    calls.push(args);
    return "";
  });
  assert.deepEqual(calls, [["version", "--client"]]);
});
