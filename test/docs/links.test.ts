/** What the pages point to is there: files, headings, and the tests that run their commands. */
import assert from "node:assert/strict";
import { existsSync, globSync, readFileSync } from "node:fs";
import { dirname, join, normalize, resolve } from "node:path";
import { test } from "node:test";
import { readPage } from "../../docs/pages.ts";
import { commandBlocks } from "./commandBlocks.ts";

const project = resolve(import.meta.dirname, "..", "..");
const pages = globSync(["*.md", "docs/*.md"], { cwd: project });
/** Those that readers follow. */
const followed = pages.filter((page) => page === "README.md" || page.startsWith("docs/"));

/** A page's text, without what is code. */
const proseOf = (page: string) => readPage(page).replaceAll(/^( *)```.*?^\1```$/gms, "");

/** The anchors of a page, as GitHub makes them of its headings. */
function anchorsOf(page: string): Set<string> {
  const anchors = new Set<string>();
  for (const [, heading] of proseOf(page).matchAll(/^#{1,6} (.*)$/gm)) {
    const slug = heading!
      .replaceAll(/\[(.*?)\]\(.*?\)/g, "$1")
      .trim()
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{M}\p{N}\p{Pc} -]/gu, "")
      .replaceAll(" ", "-");
    let anchor = slug;
    for (let count = 1; anchors.has(anchor); count++) anchor = `${slug}-${count}`;
    anchors.add(anchor);
  }
  return anchors;
}

/** Targets of a page's links and pictures, but for addresses elsewhere. */
const targetsOf = (page: string) =>
  [
    ...proseOf(page)
      .replaceAll(/`[^`\n]*`/g, "")
      .matchAll(/\]\(([^)\s]+)\)/g),
  ]
    .map(([, target]) => target!)
    .filter((target) => !/^[a-z]+:/.test(target));

for (const page of pages) {
  test(`every link of ${page} leads somewhere`, () => {
    const dead = targetsOf(page).filter((target) => {
      const [path = "", anchor] = target.split("#");
      const file = path === "" ? page : normalize(join(dirname(page), path));
      if (!existsSync(join(project, file))) return true;
      return anchor !== undefined && !anchorsOf(file).has(anchor);
    });
    assert.deepEqual(dead, []);
  });
}

test("anchors are made as GitHub does", () => {
  const anchors = anchorsOf("docs/errors.md");
  assert.ok(anchors.has("lifetimes-and-renewal") && anchors.has("helm-charts"), [...anchors].join());
});

test("every page is reached from the README", () => {
  const reached = new Set(["README.md"]);
  for (const page of reached) {
    for (const target of targetsOf(page)) {
      const file = normalize(join(dirname(page), target.split("#")[0]!));
      if (pages.includes(file)) reached.add(file);
    }
  }
  assert.deepEqual(
    pages.filter((page) => !reached.has(page)),
    [],
  );
});

test("a block of commands is called sh, by which it is found", () => {
  const others = followed.filter((page) => /^ *```(bash|shell|console|zsh)/m.test(readPage(page)));
  assert.deepEqual(others, []);
});

/** Why nobody has run a block for its reader. */
const excuses = ["needs a cluster of your own", "needs files of your own", "takes minutes"];

for (const page of followed) {
  // What has no remark there is run by readme.cluster.test.ts.
  const blocks = commandBlocks(page).filter(({ remark }) => page !== "README.md" || remark !== undefined);
  if (blocks.length === 0) continue;
  test(`every command of ${page} is run by a test that reads it, or says why not`, () => {
    const unknown = blocks.filter(({ remark = "" }) => {
      const [, file] = /^run by (test\/\S+\.test\.ts)$/.exec(remark) ?? [];
      if (file === undefined) return !excuses.includes(remark);
      const path = join(project, file);
      return !existsSync(path) || !readFileSync(path, "utf8").includes(page.replace("docs/", ""));
    });
    assert.deepEqual(unknown, []);
  });
}

test("every test that npm test leaves out has a command of its own, which CONTRIBUTING.md names", () => {
  const { scripts } = JSON.parse(readFileSync(join(project, "package.json"), "utf8"));
  const commands = Object.entries(scripts as Record<string, string>).flatMap(([name, command]) => {
    const [, file] = /test\/run\.ts (test\/onRequest\/[\w-]+\.cluster\.test\.ts)$/.exec(command) ?? [];
    return file === undefined ? [] : [{ name, file }];
  });
  assert.deepEqual(
    commands.map(({ file }) => file).sort(),
    globSync("test/onRequest/*.test.ts", { cwd: project }).sort(),
  );
  const page = readPage("CONTRIBUTING.md");
  assert.deepEqual(
    commands.filter(({ name }) => !page.includes(`${name}\``)),
    [],
  );
});
