import assert from "node:assert/strict";
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join, resolve } from "node:path";
import { after, test } from "node:test";
import { readTrustAnchorFiles } from "../../infra/trustAnchorFiles.ts";
import type { Finding } from "../../rules/finding.ts";

const outside = mkdtempSync(join(tmpdir(), "anchor-"));
const inside = mkdtempSync(resolve(import.meta.dirname, "anchor-"));
after(() => {
  for (const folder of [outside, inside]) rmSync(folder, { recursive: true });
});

const write = (folder: string) => {
  const path = join(folder, "anchor.key");
  writeFileSync(path, "key\n", { mode: 0o600 });
  return path;
};
const [far, near] = [write(outside), write(inside)];

const read = (parts: Readonly<Record<string, unknown>>) => {
  const findings: Finding[] = [];
  return { anchors: readTrustAnchorFiles({ "1": parts }, findings), findings };
};

test("a private key that lies in the repository is a warning, by whatever path", () => {
  symlinkSync(near, join(outside, "link"));
  for (const path of [near, join(outside, "link"), join(inside, "..", basename(inside), "anchor.key")]) {
    const { anchors, findings } = read({ privateKeyFile: path });
    assert.deepEqual(anchors, { "1": { privateKeyPem: "key\n" } });
    assert.deepEqual(
      findings.map(({ rule, severity, field }) => [rule, severity, field]),
      [["key-in-repository", "warning", "providedTrustAnchors.1.privateKeyFile"]],
      path,
    );
    assert.match(findings[0]!.message, /as \S*test\/infra\/anchor-\w+\/anchor\.key: /);
  }
});

test("a private key outside it is none, and a certificate may lie anywhere", () => {
  symlinkSync(far, join(inside, "link"));
  for (const parts of [
    { privateKeyFile: far },
    { privateKeyFile: join(inside, "link") },
    { certificateFile: near },
  ]) {
    assert.deepEqual(read(parts).findings, []);
  }
});
