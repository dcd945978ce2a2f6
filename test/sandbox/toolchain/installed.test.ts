/** Which Pulumi on `PATH` is the user's own, and serves. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { after, test } from "node:test";

const home = mkdtempSync(join(tmpdir(), "installed-"));
after(() => rmSync(home, { recursive: true }));
// The cache's place is read from it once.
process.env.XDG_CACHE_HOME = home;
const { findPulumi } = await import("../../../sandbox/toolchain/installed.ts");

/** A folder with a Pulumi of that version, and its language host unless said otherwise. */
function installation(
  folder: string,
  version: string,
  programs = ["pulumi", "pulumi-language-nodejs"],
): string {
  const path = join(home, folder);
  mkdirSync(path, { recursive: true });
  for (const program of programs) {
    writeFileSync(join(path, program), `#!/bin/sh\necho ${version}\n`, { mode: 0o755 });
  }
  return path;
}

const programsOf = (folder: string) => ({
  pulumi: join(folder, "pulumi"),
  "pulumi-language-nodejs": join(folder, "pulumi-language-nodejs"),
});

const own = installation("own", "v3.260.0");

test("one that is new enough serves", async () => {
  assert.deepEqual(await findPulumi("v3.259.1", own), programsOf(own));
  assert.deepEqual(await findPulumi("v3.260.0", own), programsOf(own));
});

test("one that is older than required does not", async () => {
  assert.equal(await findPulumi("v3.260.1", own), undefined);
  assert.equal(await findPulumi("v4.0.0", own), undefined);
});

test("one without the Node.js language host does not", async () => {
  const alone = installation("alone", "v3.260.0", ["pulumi"]);
  assert.equal(await findPulumi("v3.259.0", alone), undefined);
});

test("one that fails, or does not run, does not", async () => {
  const broken = installation("broken", "; exit 1");
  assert.equal(await findPulumi("v3.259.0", broken), undefined);
  assert.equal(await findPulumi("v3.259.0", join(home, "absent")), undefined);
});

test("the sandbox's is never the user's: neither in its folder, nor where it leads into the cache", async () => {
  const sandbox = installation("clone/.sandbox/default/bin", "v3.270.0");
  installation("linkerd-rotating-tls/bin", "v3.270.0");
  const links = join(home, "links");
  mkdirSync(links);
  for (const program of ["pulumi", "pulumi-language-nodejs"]) {
    symlinkSync(join(home, "linkerd-rotating-tls", "bin", program), join(links, program));
  }
  assert.equal(await findPulumi("v3.259.0", [sandbox, links].join(delimiter)), undefined);
  assert.deepEqual(await findPulumi("v3.259.0", [sandbox, links, own].join(delimiter)), programsOf(own));
});
