/** What the user has installed that the sandbox can use. */
import { execFile } from "node:child_process";
import { accessSync, constants, existsSync, realpathSync, statSync } from "node:fs";
import { delimiter, join, sep } from "node:path";
import { promisify } from "node:util";
import semver from "semver";
import { cacheDirectory } from "../directories.ts";

/**
 * The user's own Pulumi and its Node.js language host, if both are on `searchPath` and Pulumi is `oldestVersion` or
 * newer.
 */
export async function findPulumi(oldestVersion: string, searchPath = process.env.PATH) {
  const pulumi = findInstalled("pulumi", searchPath);
  const languageHost = findInstalled("pulumi-language-nodejs", searchPath);
  if (!pulumi || !languageHost) return undefined;
  const { stdout } = await promisify(execFile)(pulumi, ["version"], {
    env: { ...process.env, PULUMI_SKIP_UPDATE_CHECK: "true" },
  }).catch(() => ({ stdout: "" }));
  const version = semver.parse(stdout.trim());
  return version && semver.gte(version, oldestVersion)
    ? { pulumi, "pulumi-language-nodejs": languageHost }
    : undefined;
}

/**
 * The first program `name` on `searchPath` that is the user's own. A shell that is set up for a sandbox has the
 * sandbox's programs on its `PATH`, too: those never are, whether they lie in a sandbox or lead into the cache.
 */
export function findInstalled(name: string, searchPath = process.env.PATH): string | undefined {
  const cache = existsSync(cacheDirectory) ? realpathSync(cacheDirectory) : cacheDirectory;
  return (searchPath ?? "")
    .split(delimiter)
    .filter((folder) => folder !== "" && !folder.split(sep).includes(".sandbox"))
    .map((folder) => join(folder, name))
    .find((path) => isExecutable(path) && !realpathSync(path).startsWith(cache + sep));
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
