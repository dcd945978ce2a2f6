/** The CronJob of docs/status-cronjob.yaml pushes what `status` has seen, whatever its verdict, and nothing if it has seen nothing. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { after, test } from "node:test";
import { parseAllDocuments } from "yaml";
import { readPage } from "../../docs/pages.ts";

const documentsOf = (page: string) =>
  parseAllDocuments(readPage(page)).map((document) => document.toJS({ maxAliasCount: 0 }));
const objects = documentsOf("docs/status-cronjob.yaml");
const podSpec = objects.at(-1)!.spec.jobTemplate.spec.template.spec;
const { command, args, env } = podSpec.containers[0];

const folder = mkdtempSync(join(tmpdir(), "status-cronjob-"));
after(() => rmSync(folder, { recursive: true, force: true }));
const pushed = join(folder, "pushed");

/** Puts a script in place of a program. */
function replace(program: string, script: string): void {
  writeFileSync(join(folder, program), `#!/bin/sh\n${script}\n`);
  chmodSync(join(folder, program), 0o755);
}

/** Runs what the container runs, with a `status` that prints a text and exits with a code. */
function runJob(text: string, code: number) {
  rmSync(pushed, { force: true });
  replace("node", `echo "$*" > ${folder}/called; printf '%s' '${text}'; exit ${code}`);
  // The last of its arguments is the address, and the one before it the file.
  replace("curl", `echo "$*" > ${pushed}; while [ $# -gt 2 ]; do shift; done; cat "$1" >> ${pushed}`);
  const script = (args as string[]).map((arg) => arg.replaceAll("/tmp/", `${folder}/`));
  const variables = Object.fromEntries(
    (env as { name: string; value: string }[]).map((one) => [one.name, one.value]),
  );
  const { status } = spawnSync(command[0], [...command.slice(1), ...script], {
    env: { PATH: `${folder}${delimiter}${process.env.PATH}`, ...variables },
    encoding: "utf8",
  });
  return { status, pushed: existsSync(pushed) ? readFileSync(pushed, "utf8") : undefined };
}

for (const code of [0, 1, 2]) {
  test(`it pushes what status prints as it exits with ${code}`, () => {
    const { status, pushed: seen } = runJob("metric 1", code);
    assert.equal(status, 0);
    assert.match(
      seen!,
      /--upload-file .*status\.prom http:\/\/.*:9091\/metrics\/job\/linkerd-credentials\nmetric 1$/,
    );
    assert.match(
      readFileSync(join(folder, "called"), "utf8"),
      /^operations\/status\/status\.ts --prometheus /,
    );
  });
}

test("it pushes nothing, and fails, if status could not look", () => {
  const { status, pushed: seen } = runJob("", 2);
  assert.notEqual(status, 0);
  assert.equal(seen, undefined);
});

test("it runs as an account that has the documented rights, and no others", () => {
  const [account, ...rest] = objects;
  const bindings = rest.slice(0, -1);
  const roles = documentsOf("docs/status-role.yaml");
  assert.equal(podSpec.serviceAccountName, account!.metadata.name);
  assert.deepEqual(
    bindings.map(({ kind, roleRef, subjects }) => [kind, roleRef.kind, roleRef.name, subjects[0].name]),
    roles.map(({ kind, metadata }) => [`${kind}Binding`, kind, metadata.name, account!.metadata.name]),
  );
});
