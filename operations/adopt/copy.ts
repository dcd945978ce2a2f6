/** A copy of the stack, in a folder and with a state of its own: what an adoption would do is seen there first. */
import { randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseDocument } from "yaml";
import type { Project } from "../project.ts";
import type { SecretSetting } from "./adoption.ts";
import { type Engine, pulumi, setSecrets } from "./engine.ts";

/** Keys of a stack's file that say how it keeps secrets, which is the copy's own. */
const encryption = ["secretsprovider", "encryptedkey", "encryptionsalt"];

export interface Copy extends Engine {
  readonly folder: string;
  /** Of the stack's file. */
  readonly file: string;
  readonly remove: () => void;
}

/**
 * Makes the copy, of the same name: by that, releases say whose they are. Secrets are encrypted there as well, with a passphrase that nobody keeps.
 *
 * @param stackText text of the stack's file, as it is going to be, without what is encrypted in it.
 * @param secrets what the copy keeps encrypted.
 */
export async function makeCopy(
  project: Project,
  stack: string,
  stackText: string,
  secrets: readonly SecretSetting[],
  signal: AbortSignal,
): Promise<Copy> {
  const folder = mkdtempSync(join(tmpdir(), "adopt-"));
  const name = stack.split("/").at(-1)!;
  const copy = {
    folder,
    file: join(folder, `Pulumi.${name}.yaml`),
    stack: `organization/${project.name}/${name}`,
    signal,
    variables: {
      ...process.env,
      PULUMI_BACKEND_URL: `file://${join(folder, "state")}`,
      PULUMI_CONFIG_PASSPHRASE: randomBytes(24).toString("base64"),
      PULUMI_CONFIG_PASSPHRASE_FILE: undefined,
      PULUMI_OPTION_CWD: folder,
      PULUMI_STACK: undefined,
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
  try {
    mkdirSync(join(folder, "state"));
    writeFileSync(join(folder, "Pulumi.yaml"), projectText(project));
    const document = parseDocument(stackText);
    for (const key of encryption) document.delete(key);
    writeFileSync(copy.file, document.toString({ lineWidth: 0 }));
    await pulumi(copy, ["stack", "init", "--no-select", "--secrets-provider=passphrase"]);
    await setSecrets(copy, secrets);
    return copy;
  } catch (error) {
    copy.remove();
    throw error;
  }
}

/** The same without a cluster: what a preview would make there is all that the program makes. */
export async function withoutCluster<Result>(
  copy: Copy,
  context: string,
  work: () => Promise<Result>,
): Promise<Result> {
  const text = readFileSync(copy.file, "utf8");
  const kubeconfig = join(copy.folder, "nowhere.json");
  // Nothing listens on this port.
  const clusters = [{ name: context, cluster: { server: "https://127.0.0.1:1" } }];
  const contexts = [{ name: context, context: { cluster: context, user: context } }];
  const users = [{ name: context, user: {} }];
  const config = { apiVersion: "v1", kind: "Config", "current-context": context, clusters, contexts, users };
  writeFileSync(kubeconfig, JSON.stringify(config));
  try {
    await pulumi(copy, ["config", "set", "kubeconfig", kubeconfig]);
    return await work();
  } finally {
    writeFileSync(copy.file, text);
  }
}

/** The project's file, whose program is where it is. */
function projectText({ folder }: Project): string {
  const document = parseDocument(readFileSync(join(folder, "Pulumi.yaml"), "utf8"));
  const main = document.get("main");
  document.set("main", resolve(folder, typeof main === "string" ? main : "."));
  document.delete("stackConfigDir");
  return document.toString();
}
