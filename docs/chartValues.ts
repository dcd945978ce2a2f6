/**
 * `node docs/chartValues.ts <linkerd2> <cert-manager> <trust-manager>` writes `rules/charts/knownValues.ts` from clones of
 * these repositories, in which every release is a tag.
 *
 * A value is known if `values.yaml` or `values-ha.yaml` has it, if the schema does, or if a template reads it. What lies
 * below a list, an empty map, or a map that a template writes out as it is, is the user's own.
 */
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import semver from "semver";
import { parse } from "yaml";
import { isPlainObject } from "../rules/known.ts";

interface Source {
  readonly chart: string;
  /** Folder in the repository. */
  readonly folder: string;
  /** Folders of templates that the chart includes, and that something else than the chart renders with its values. */
  readonly included?: string;
  readonly rendered?: string;
  /** The chart's versions that are looked at. */
  readonly versions: string;
}

const partials = { included: "charts/partials/templates" };
const linkerd: readonly Source[] = [
  {
    ...partials,
    chart: "linkerd2",
    folder: "charts/linkerd2",
    rendered: "charts/patch/templates",
    versions: ">=2.10.0 <2.12.0",
  },
  {
    ...partials,
    chart: "linkerd-control-plane",
    folder: "charts/linkerd-control-plane",
    rendered: "charts/patch/templates",
    versions: ">=1.9.0",
  },
  { ...partials, chart: "linkerd-crds", folder: "charts/linkerd-crds", versions: ">=1.4.0" },
  { ...partials, chart: "linkerd2-cni", folder: "charts/linkerd2-cni", versions: ">=2.10.0" },
  { ...partials, chart: "linkerd-viz", folder: "viz/charts/linkerd-viz", versions: ">=30.3.0" },
];
const ofJetstack = (chart: string, versions: string): Source[] => [
  { chart, folder: `deploy/charts/${chart}`, versions },
];

/** Where the chart's values are, release by release. */
class Clone {
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
  }

  #git(...args: string[]): string {
    return execFileSync("git", ["-C", this.#directory, ...args], { encoding: "utf8", maxBuffer: 2 ** 28 });
  }

  tags(): string[] {
    return this.#git("tag", "--list").split("\n");
  }

  /** Every file below a folder that Helm reads, by its path in it. */
  files(tag: string, folder: string): ReadonlyMap<string, string> {
    const names = this.#git("ls-tree", "-r", "--name-only", tag, "--", `${folder}/`).split("\n");
    const wanted = names.filter((name) => /\.(ya?ml|tpl|txt|json)$/.test(name));
    let rest = execFileSync("git", ["-C", this.#directory, "cat-file", "--batch"], {
      input: wanted.map((name) => `${tag}:${name}\n`).join(""),
      maxBuffer: 2 ** 28,
    });
    // Of each: a line that ends in its size, its text, and a newline.
    return new Map(
      wanted.map((name) => {
        const begin = rest.indexOf("\n") + 1;
        const end = begin + Number(rest.toString("utf8", 0, begin).split(" ")[2]);
        const text = rest.toString("utf8", begin, end);
        rest = rest.subarray(end + 1);
        return [name.slice(folder.length + 1), text];
      }),
    );
  }

  /** The text of the first of some files that is there. */
  first(tag: string, ...files: readonly string[]): string {
    return this.#git("show", `${tag}:${files.find((file) => this.has(tag, file))}`);
  }

  /** What a folder's text is known by. */
  identity(tag: string, folder: string): string {
    return this.#git("rev-parse", "--verify", "--quiet", `${tag}:${folder}`).trim();
  }

  has(tag: string, folder: string): boolean {
    return this.#git("ls-tree", tag, "--", folder) !== "";
  }
}

/** The version with which a tag published a chart, without what follows major, minor and patch. */
function versionAt(tag: string, chartFile: string): string | undefined {
  const [, stable] = /^stable-(2\.1[01]\.\d+)$/.exec(tag) ?? [];
  const [, year, rest] = /^edge-(\d\d)(\.\d+\.\d+)$/.exec(tag) ?? [];
  const { version } = parse(chartFile) as { version: string };
  if (/^v\d+\.\d+\.\d+$/.test(tag)) return tag.slice(1);
  if (stable !== undefined) return stable;
  if (version.startsWith("0.0.0")) return rest && `20${year}${rest}`;
  return /^(stable|edge)-[\d.]+$/.test(tag) ? /^\d+\.\d+\.\d+/.exec(version)?.[0] : undefined;
}

const path = String.raw`\$?\.Values((?:\.\w+)+)(?![.\w])`;
/** A map is written out, or handed on, as it is; `dict "Values"` hands it to what reads it as a chart's values. */
const whole = new RegExp(
  String.raw`(?:toYaml|with|range|in|merge|mergeOverwrite|deepCopy|tpl|:=|dict(?:(?: "\w+" \S+)*) "(?!Values")\w+")\s+\(*${path}`,
  "g",
);

/** Linkerd's own shape of resources, of which a chart's values may leave out parts. */
const resources = ["cpu", "memory", "ephemeral-storage"].flatMap((kind) => [
  `${kind}.limit`,
  `${kind}.request`,
]);

/** The paths of a chart's values, below which anything goes. */
function leavesOf(
  chart: ReadonlyMap<string, string>,
  included: ReadonlyMap<string, string>,
  rendered: ReadonlyMap<string, string>,
): ReadonlySet<string> {
  const own = [...chart].filter(([name]) => name.startsWith("templates/")).map(([, text]) => text);
  const templates = withIncluded(
    [...own, ...rendered.values()].join("\n"),
    [...included.values()].join("\n"),
  );
  // `(.Values.identity).additionalEnv` reads identity.additionalEnv.
  const text = templates
    .replace(/\((\$?\.Values[.\w]*)\)(?=\.)/g, "$1")
    .replace(/\((\$?\.Values[.\w]*)\)(?=\.)/g, "$1");
  const isOpen = new Set([...text.matchAll(whole)].map(([, found]) => found!.slice(1)));
  const leaves = new Set<string>();
  const inner = new Set<string>();
  const add = (at: string, value: unknown) => {
    const isLinkerdResources = isPlainObject(value) && isPlainObject(value.cpu) && "limit" in value.cpu;
    const isMap = isPlainObject(value) && Object.keys(value).length > 0;
    if (isLinkerdResources) {
      inner.add(at);
      for (const part of resources) leaves.add(`${at}.${part}`);
    } else if (!isMap || isOpen.has(at) || Object.keys(value).some((key) => /[./]/.test(key))) {
      leaves.add(at);
    } else {
      inner.add(at);
      for (const [key, part] of Object.entries(value)) add(`${at}.${key}`, part);
    }
  };
  for (const name of ["values.yaml", "values-ha.yaml"]) {
    for (const [key, value] of Object.entries(parse(chart.get(name) ?? "{}") ?? {})) add(key, value);
  }
  for (const leaf of schemaLeaves(chart.get("values.schema.json"))) leaves.add(leaf);
  for (const [, found] of text.matchAll(new RegExp(path, "g"))) {
    const read = found!.slice(1);
    const isPart = [...inner, ...leaves].some((other) => other === read || other.startsWith(`${read}.`));
    if (!isPart) leaves.add(read);
  }
  // A chart's values may have values for those that it is made of.
  for (const [, name] of chart.get("Chart.yaml")?.matchAll(/^ *- name: (\w+)$/gm) ?? []) leaves.add(name!);
  return new Set([...leaves].filter((leaf) => !hasAbove(leaves, leaf)));
}

/** Whether something above a path is a leaf, below which anything goes. */
function hasAbove(leaves: ReadonlySet<string>, leaf: string): boolean {
  return leaf.split(".").some((_, index, names) => index > 0 && leaves.has(names.slice(0, index).join(".")));
}

/** Text with the definitions that it includes, and that those include. */
function withIncluded(text: string, definitions: string): string {
  const bodies = new Map(
    definitions
      .split(/(?=\{\{-? *define )/)
      .map((body) => [/^\{\{-? *define "([^"]+)"/.exec(body)?.[1] ?? "", body]),
  );
  let all = text;
  for (const [, name] of iterate(() => all, /(?:include|template) "([^"]+)"/g)) {
    all += bodies.get(name!) ?? "";
    bodies.delete(name!);
  }
  return all;
}

/** Matches in a text that grows while they are gone through. */
function* iterate(text: () => string, pattern: RegExp): Iterable<RegExpExecArray> {
  for (let match = pattern.exec(text()); match !== null; match = pattern.exec(text())) yield match;
}

/** A schema closes what takes no additional properties. */
function schemaLeaves(text: string | undefined): string[] {
  if (text === undefined) return [];
  const { $defs: definitions } = JSON.parse(text) as { $defs: Record<string, Schema> };
  const below = (name: string): string[] => {
    const { properties, additionalProperties } = definitions[name]!;
    if (properties === undefined || additionalProperties !== false) return [""];
    return Object.entries(properties).flatMap(([key, { $ref }]) =>
      below($ref.slice("#/$defs/".length)).map((rest) => (rest === "" ? key : `${key}.${rest}`)),
    );
  };
  return below("helm-values");
}

interface Schema {
  readonly properties?: Readonly<Record<string, { readonly $ref: string }>>;
  readonly additionalProperties?: boolean;
}

/** The leaves of every version of a chart. */
function collect(clone: Clone, { chart, folder, included, rendered, versions }: Source) {
  const byVersion = new Map<string, Set<string>>();
  const seen = new Map<string, ReadonlySet<string>>();
  for (const tag of clone.tags()) {
    if (!/^(v|stable-|edge-)[\d.]+$/.test(tag) || !clone.has(tag, folder)) continue;
    const version = versionAt(tag, clone.first(tag, `${folder}/Chart.yaml`, `${folder}/Chart.template.yaml`));
    if (version === undefined || !semver.satisfies(version, versions)) continue;
    const folders = [folder, included, rendered].map((each) =>
      each !== undefined && clone.has(tag, each) ? each : undefined,
    );
    const key = folders.map((each) => each && clone.identity(tag, each)).join();
    const read = (each: string | undefined) => (each === undefined ? new Map() : clone.files(tag, each));
    const [own, ...others] = folders.map((each) => (seen.has(key) ? new Map() : read(each)));
    const leaves = seen.get(key) ?? leavesOf(own!, others[0]!, others[1]!);
    seen.set(key, leaves);
    byVersion.set(version, new Set([...(byVersion.get(version) ?? []), ...leaves]));
  }
  console.error(`${chart}: ${byVersion.size} versions`);
  return byVersion;
}

/** The versions that have a value, as a range; empty for all. */
function rangeOf(isThere: readonly boolean[], versions: readonly string[]): string {
  const runs: string[] = [];
  isThere.forEach((there, index) => {
    const before = isThere[index - 1] ?? there;
    if (there && !before) runs.push(`>=${versions[index]}`);
    if (!there && before && index > 0) runs.push(`${runs.pop() ?? ""} <${versions[index]}`.trim());
  });
  return runs.join(" || ");
}

function described(byVersion: ReadonlyMap<string, ReadonlySet<string>>): string {
  const versions = [...byVersion.keys()].sort(semver.compare);
  const leaves = [...new Set([...byVersion.values()].flatMap((each) => [...each]))].sort();
  const lines = leaves.map((leaf) => {
    const isThere = versions.map((version) => byVersion.get(version)!.has(leaf));
    return `${leaf} ${rangeOf(isThere, versions)}`.trim();
  });
  return `{ oldest: "${versions[0]}", newest: "${versions.at(-1)}", values: \`\n${lines.join("\n")}\n\` }`;
}

const [linkerdClone, certManagerClone, trustManagerClone] = process.argv
  .slice(2)
  .map((each) => new Clone(each));
const sources = [
  ...linkerd.map((source) => [linkerdClone!, source] as const),
  ...ofJetstack("cert-manager", ">=1.12.0").map((source) => [certManagerClone!, source] as const),
  ...ofJetstack("trust-manager", ">=0.7.0").map((source) => [trustManagerClone!, source] as const),
];
const entries = sources.map(
  ([clone, source]) => `  ${JSON.stringify(source.chart)}: ${described(collect(clone, source))},`,
);
writeFileSync(
  join(import.meta.dirname, "..", "rules", "charts", "knownValues.ts"),
  `/** Written by docs/chartValues.ts: the values of each chart, and the versions that have them if not all do. */
interface KnownValues {
  readonly oldest: string;
  readonly newest: string;
  /** One path a line, with a range of versions; anything goes below it. */
  readonly values: string;
}

// biome-ignore format: one path a line
export const knownValues: Readonly<Record<string, KnownValues>> = {
${entries.join("\n")}
};
`,
);
