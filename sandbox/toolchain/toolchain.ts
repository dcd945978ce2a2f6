/** Makes sure that the sandbox's programs and charts are in the user-level cache. */
import { existsSync } from "node:fs";
import { rm, rmdir, stat, utimes } from "node:fs/promises";
import { dirname, join } from "node:path";
import { cacheDirectory } from "../directories.ts";
import { type Report, withLock } from "../lock.ts";
import { type Artefact, filesBelow, listArtefacts } from "./artefacts.ts";
import { build } from "./build.ts";
import { endingWithProcess } from "./command.ts";
import { findGo, removeDiscarded } from "./go.ts";
import { findPulumi } from "./installed.ts";
import { type Extra, isBuiltWhenRun, pulumiVersion } from "./tools.ts";

/** What no run has used for this long is removed, unless this clone's sources still name it. */
const unusedDays = 30;

/** Absolute paths of everything that a sandbox runs, by name. */
export interface Toolchain {
  readonly programs: Readonly<Record<string, string>>;
  /** Chart archives, by chart name; each file is called `<name>-<version>.tgz`. */
  readonly charts: Readonly<Record<string, string>>;
}

/**
 * Makes what is missing, and gives the whole toolchain.
 *
 * @param report receives one line at a time: what is being built, how long it took, how long the rest may take.
 * @param extras what is wanted beside that which every sandbox has.
 * @throws if Go is absent or too old, disk is short, or a build fails (the message names its log).
 */
export async function ensureToolchain(report: Report, extras: readonly Extra[] = []): Promise<Toolchain> {
  const pulumi = await findPulumi(pulumiVersion);
  const go = await findGo();
  const known = listArtefacts(go);
  const wanted = known.filter(({ name, extra, path }) => {
    if (pulumi && name in pulumi) return false;
    if (extra === undefined || extras.includes(extra)) return true;
    return isBuiltWhenRun(name) && existsSync(path);
  });
  const missing = () => wanted.filter(({ path }) => !existsSync(path));
  if (missing().length > 0) {
    await withLock(
      `toolchain ${cacheDirectory}`,
      "Another run is building the toolchain",
      report,
      async () => {
        if (missing().length === 0) return;
        await endingWithProcess((controller) => build(go, missing(), controller, report));
        await prune(known);
      },
    );
  }
  removeDiscarded();
  const now = new Date();
  // A cache that is not ours to write is not ours to prune.
  await Promise.all(wanted.map(({ path }) => utimes(path, now, now).catch(() => {})));
  const paths = (wantedKind: Artefact["kind"]) =>
    Object.fromEntries(
      wanted
        .filter(({ kind }) => kind === wantedKind)
        // What takes another's place comes after it in the list.
        .map(({ name, inPlaceOf, path }) => [inPlaceOf ?? name, path]),
    );
  return { programs: { ...pulumi, ...paths("program") }, charts: paths("chart") };
}

/** Removes what no run has used for long; other clones may want the younger files. */
async function prune(current: readonly Artefact[]): Promise<void> {
  const kept = new Set(current.map(({ path }) => path));
  const oldest = Date.now() - unusedDays * 24 * 3600 * 1000;
  const folders = ["bin", "charts", "kwok"].map((folder) => join(cacheDirectory, folder));
  for (const file of folders.filter(existsSync).flatMap(filesBelow)) {
    if (kept.has(file) || (await stat(file)).mtimeMs > oldest) continue;
    await rm(file);
    // A chart has a folder of its own, a program has neighbours.
    await rmdir(dirname(file)).catch(() => {});
  }
}
