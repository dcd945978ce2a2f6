import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { KeyObject } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { after, suite, test } from "node:test";
import { authority, hoursFromNow } from "./fabricate.ts";

const program = resolve(import.meta.dirname, "../../operations/check.ts");
const directory = mkdtempSync(join(tmpdir(), "check-"));
after(() => rmSync(directory, { recursive: true }));

const write = (name: string, text: string | Buffer) => {
  const path = join(directory, name);
  writeFileSync(path, text);
  return path;
};
const anchor = await authority({ commonName: "root.linkerd.cluster.local", notAfter: hoursFromNow(87_600) });
const issuer = await authority({ commonName: "identity.linkerd.cluster.local", signer: anchor });
const keyPem = KeyObject.from(issuer.privateKey).export({ format: "pem", type: "pkcs8" }).toString();
const bundle = write("bundle.pem", anchor.certificate.toString());
const certificate = write("issuer.pem", issuer.certificate.toString());
const key = write("key.pem", keyPem);
const files = ["--bundle", bundle, "--issuer", certificate, "--key", key];

/** Runs the command; options that are given again win. */
const check = (...options: string[]) =>
  new Promise<{ code: number; stdout: string; stderr: string }>((done) => {
    const child = execFile(process.execPath, [program, ...options], (_, stdout, stderr) =>
      done({ code: child.exitCode!, stdout, stderr }),
    );
  });

suite("npm run -s check", () => {
  test("exits with 0 where nothing is wrong", async () => {
    assert.deepEqual(await check(...files), {
      code: 0,
      stdout: "All right: Linkerd can work with these credentials.\n",
      stderr: "",
    });
    const { code, stdout } = await check(...files, "--json");
    assert.equal(code, 0);
    assert.deepEqual(JSON.parse(stdout), { verdict: "ok", findings: [] });
  });

  test("exits with 1 where there are warnings only", async () => {
    const { code, stdout } = await check(...files, "--json", "--trust-domain", "mesh.example");
    assert.equal(code, 1);
    const { verdict, findings } = JSON.parse(stdout);
    assert.equal(verdict, "warning");
    assert.deepEqual(Object.keys(findings[0]), ["rule", "severity", "field", "message", "fix", "source"]);
    assert.deepEqual([findings[0].rule, findings[0].field], ["trust-domain", "--bundle"]);
    const cut = await check(...files, "--issuance-lifetime", "47h59m40s", "--clock-skew", "20s");
    assert.equal(cut.code, 1);
    assert.match(
      cut.stdout,
      /^Warning: --issuer: Certificate 1, .*\n {4}Fix: .*\n {4}Rule: issuer-outlives-leaves/,
    );
  });

  test("exits with 2 where there are errors", async () => {
    const { code, stdout } = await check(...files, "--now", hoursFromNow(49).toISOString());
    assert.equal(code, 2);
    assert.match(stdout, /^Error: --issuer: .* expired at /);
  });

  test("says which file cannot be read, without a stack", async () => {
    const { code, stdout, stderr } = await check(
      ...files,
      "--json",
      "--bundle",
      directory,
      "--key",
      "not/there",
    );
    assert.equal(code, 2);
    assert.equal(stderr, "");
    assert.deepEqual(
      JSON.parse(stdout).findings.map(({ rule, field }: Record<string, string>) => [rule, field]),
      [
        ["file-readable", "--bundle"],
        ["file-readable", "--key"],
      ],
    );
  });

  test("refuses options that make no sense, without a stack", async () => {
    for (const options of [
      [],
      [...files, "--now", "tomorrow"],
      [...files, "--now", "2026-02-31T00:00:00Z"],
      [...files, "--trust-domain", "Cluster.local"],
      [...files, "--issuance-lifetime", "1d"],
      [...files, "--clock-skew", "-1s"],
      [...files, "--unknown"],
      [...files, "more"],
    ]) {
      const { code, stdout, stderr } = await check(...options);
      assert.deepEqual([code, stdout], [2, ""], options.join(" "));
      assert.match(stderr, /^error: [^\n]*\n$/, options.join(" "));
    }
  });

  test("explains itself", async () => {
    const { code, stdout } = await check("--help");
    assert.equal(code, 0);
    assert.match(stdout, /Exit code: 0 .* 1 .* 2 /);
  });

  test("never shows a key, wherever one was put", async () => {
    const secret = keyPem.split("\n")[1]!;
    for (const option of ["--bundle", "--issuer", "--key"]) {
      for (const json of [[], ["--json"]]) {
        const cut = write("cut.pem", keyPem.slice(0, -20));
        for (const path of [key, cut]) {
          const { stdout, stderr } = await check(...files, option, path, ...json);
          assert.ok(!(stdout + stderr).includes(secret));
        }
      }
    }
  });

  test("takes any bytes", async () => {
    const bytes = write(
      "bytes",
      Buffer.from(Array.from({ length: 2_000_000 }, (_, index) => (index * 7919) % 256)),
    );
    const { code, stderr } = await check("--bundle", bytes, "--issuer", bytes, "--key", bytes);
    assert.deepEqual([code, stderr], [2, ""]);
  });
});
