/** Imports between the rooms run one way, as the map in CONTRIBUTING.md says. */
import assert from "node:assert/strict";
import { globSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { test } from "node:test";

const project = resolve(import.meta.dirname, "..");
const read = (file: string) => readFileSync(join(project, file), "utf8");

/** What each room may import, in the map's words. */
const map = new Map(
  [...read("CONTRIBUTING.md").matchAll(/^\| `(\w+)\/` \|.*\| (.*) \|$/gm)].map(([, room, may]) => [
    room!,
    may!,
  ]),
);

/** Packages that a room does without. */
const foreign: Readonly<Record<string, readonly string[]>> = {
  rules: ["@pulumi/", "@kubernetes/"],
  mesh: ["@pulumi/"],
};

/** The rule that an import of a file in `room` breaks, if any; `target` is a package, or a path within the project. */
function brokenRule(room: string, target: string): string | undefined {
  const scope = foreign[room]?.find((name) => target.startsWith(name));
  if (scope !== undefined) return `${room}/ imports nothing of ${scope}*`;
  const [other = ""] = target.split("/");
  const may = map.get(room)!;
  if (!map.has(other) || other === room || may === "anything" || may.includes(`\`${other}/\``)) return;
  return `${room}/ may import ${may}`;
}

test("every top-level folder is in the map, and nothing else is", () => {
  const folders = readdirSync(project, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && !/^(\.|(node_modules|dist)$)/.test(entry.name))
    .map(({ name }) => name);
  assert.deepEqual([...map.keys()].sort(), folders.sort());
});

test("every import follows the map", () => {
  const broken = [...map.keys()].flatMap((room) =>
    globSync(`${room}/**/*.{ts,cjs}`, { cwd: project, exclude: ["**/node_modules"] }).flatMap((file) =>
      [...read(file).matchAll(/\b(?:from|import|require)\s*\(?\s*"([^"]+)"/g)].flatMap(([, specifier]) => {
        const target = specifier!.startsWith(".") ? join(dirname(file), specifier!) : specifier!;
        const rule = brokenRule(room, target);
        return rule === undefined ? [] : `${file} imports ${specifier}: ${rule}`;
      }),
    ),
  );
  assert.deepEqual(broken, []);
});
