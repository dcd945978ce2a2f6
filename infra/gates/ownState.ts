/** What the state of the stack that is being deployed has: a program does not see it otherwise. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import * as pulumi from "@pulumi/pulumi";

/** What is read of a resource in a stack's state. */
interface StateResource {
  readonly urn: string;
  readonly type: string;
  /** What the provider calls it, such as a namespace's name. */
  readonly id?: string;
  readonly protect?: boolean;
}

/** Gives the stack's state in JSON. */
export type ExportState = () => Promise<string>;

/** @throws Error if the state cannot be read. */
export async function ownResources(exportState: ExportState): Promise<readonly StateResource[]> {
  const { deployment } = JSON.parse(await exportState()) as {
    deployment: { resources?: readonly StateResource[] };
  };
  return deployment.resources ?? [];
}

/** As it is kept, so with every secret encrypted. */
export async function exportOwnState(): Promise<string> {
  const args = ["stack", "export", "--non-interactive", "--stack", pulumi.getStack()];
  return (await promisify(execFile)("pulumi", args, { maxBuffer: 256 * 1024 * 1024 })).stdout;
}
