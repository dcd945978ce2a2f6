/**
 * What stands in the cache, and how each thing is made.
 *
 * A file name in the cache ends in a hash of what determines the file: its pins (`go.mod`, `go.sum`), our own sources
 * if it has any, the build flags and the Go version. So a file that is there is right, and a changed pin builds a new
 * file beside it.
 */
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { copyFile, cp, readFile, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { cacheDirectory, goDirectory } from "../directories.ts";
import type { Go } from "./go.ts";
import { type ChartPackage, charts, type Tool, testedFolders, tools } from "./tools.ts";

const buildFlags = ["-trimpath", "-ldflags=-s -w", "-gcflags=all=-dwarf=false"];
const testFlags = ["-c", "-vet=all", ...buildFlags];

/** Something that stands in the cache once it is made. */
export interface Artefact extends Pick<Tool, "name" | "module" | "extra" | "inPlaceOf" | "cpuSeconds"> {
  readonly kind: "program" | "chart";
  readonly path: string;
  make(workshop: Workshop, target: string): Promise<void>;
}

/** Where one artefact is made; what is run there gives its output. */
export interface Workshop {
  /** A fresh copy of the artefact's module, so that no build writes into the clone. */
  readonly directory: string;
  run(command: string, args: readonly string[], variables?: NodeJS.ProcessEnv): Promise<string>;
  go(...args: string[]): Promise<string>;
}

/** Everything that this clone can make with that Go. */
export function listArtefacts(go: Go): Artefact[] {
  const cached = (folder: string, name: string, key: string) =>
    join(cacheDirectory, folder, `${name}-${key}`);
  const programs = tools.map((tool): Artefact => {
    const path = cached("bin", tool.name, toolKey(tool, go));
    return { ...tool, kind: "program", path, make: (...at) => buildTool(tool, ...at) };
  });
  const helm = programs.find(({ name }) => name === "helm")!.path;
  const packages = charts.map((chart): Artefact => {
    const { extra, ...definition } = chart;
    const key = hash([pins(chart.module), JSON.stringify(definition)]);
    const path = join(cacheDirectory, "charts", key, `${chart.name}-${chart.version}.tgz`);
    return {
      ...chart,
      kind: "chart",
      cpuSeconds: 1,
      path,
      make: (...at) => packageChart(chart, helm, ...at),
    };
  });
  const goTests = testedFolders.map((folder): Artefact => {
    const [module = "", ...below] = folder.split("/");
    const name = `${basename(folder)}.test`;
    const sources = filesBelow(join(goDirectory, folder)).map((file) => readFileSync(file, "utf8"));
    const path = cached("bin", name, hash([go.version, ...testFlags, pins(module), ...sources]));
    const make: Artefact["make"] = async (workshop, target) => {
      await workshop.go("test", ...testFlags, "-o", target, `./${below.join("/")}`);
    };
    return { kind: "program", name, module, extra: "go-tests", cpuSeconds: 12, path, make };
  });
  const kwokStages: Artefact = {
    kind: "program",
    name: "kwok-stages.yaml",
    module: "cluster",
    extra: "kwok",
    cpuSeconds: 1,
    path: join(cacheDirectory, "kwok", hash([pins("cluster")]), "stages.yaml"),
    make: collectKwokStages,
  };
  return [...programs, kwokStages, ...packages, ...goTests];
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
  await workshop.go("build", ...flags, ...(tool.flags ?? []), "-o", target, tool.package);
}

/** Packages a chart the way upstream's release process does, from a copy: the module cache is not ours to change. */
async function packageChart(chart: ChartPackage, helm: string, workshop: Workshop, target: string) {
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
  const documents = ["node/fast", "node/heartbeat-with-lease", "pod/fast"]
    .flatMap((folder) => filesBelow(join(stages, folder)))
    .filter((file) => file.endsWith(".yaml") && !file.endsWith("kustomization.yaml"))
    .map((file) => readFileSync(file, "utf8"));
  await writeFile(target, documents.join("\n---\n"));
}

/** The folder of a Go module's sources, which Go downloads if they are not in its cache. */
async function moduleDirectory(module: string, workshop: Workshop): Promise<string> {
  const description = await workshop.go("mod", "download", "-json", module);
  return (JSON.parse(description) as { Dir: string }).Dir;
}

/** What determines a program. Fields that do not are left out, so that changing them builds nothing. */
function toolKey(tool: Tool, go: Go): string {
  const { cpuSeconds: _seconds, extra: _extra, inPlaceOf: _inPlaceOf, ...definition } = tool;
  const sources =
    tool.ownSources === undefined ? [] : filesBelow(join(goDirectory, tool.module, tool.ownSources));
  return hash([
    go.version,
    buildFlags.join(" "),
    JSON.stringify(definition),
    pins(tool.module),
    ...sources.filter((file) => !file.endsWith("_test.go")).map((file) => readFileSync(file, "utf8")),
  ]);
}

function pins(module: string): string {
  return ["go.mod", "go.sum"].map((file) => readFileSync(join(goDirectory, module, file), "utf8")).join("\n");
}

export function filesBelow(directory: string): string[] {
  return readdirSync(directory, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

function hash(parts: readonly string[]): string {
  return createHash("sha256").update(parts.join("\0")).digest("hex").slice(0, 12);
}
