/** A command of a rotation that was killed after it had changed the stack's file goes on when it is typed again. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { test } from "node:test";
import { authority, hoursFromNow } from "../../certificates.ts";
import { startApiServer } from "../../mesh/apiServer.ts";

const api = await startApiServer();
const root = await authority({ commonName: "root.linkerd.cluster.local", notAfter: hoursFromNow(100_000) });
const inLinkerd = "/api/v1/namespaces/linkerd";
api.objects = {
  [`${inLinkerd}/configmaps/linkerd-config`]: { data: { values: "{}" } },
  // The bundle that the mesh had before.
  [`${inLinkerd}/configmaps/linkerd-identity-trust-roots`]: {
    data: { "ca-bundle.crt": root.certificate.toString() },
  },
  [`${inLinkerd}/pods`]: { items: [] },
  "/api/v1/pods": { metadata: {}, items: [] },
};

/** As Pulumi answers of the stack; its `up` fails, and leaves a trace. */
const updated = join(api.directory, "updated");
const project = "linkerd-rotating-tls";
const settings = {
  [`${project}:kubeconfig`]: { value: api.kubeconfig },
  [`${project}:trustAnchorGenerations`]: { value: "[1,2]", objectValue: [1, 2] },
  [`${project}:signingGeneration`]: { value: "2" },
};
const pulumi = `#!/bin/sh
case "$1" in
  config) echo '${JSON.stringify(settings)}' ;;
  stack) echo dev ;;
  up) echo "$@" > ${updated}; exit 3 ;;
esac
`;
writeFileSync(join(api.directory, "pulumi"), pulumi);
chmodSync(join(api.directory, "pulumi"), 0o755);

function rotate(...args: string[]): Promise<{ code: unknown; stderr: string }> {
  const env = { ...process.env, PATH: `${api.directory}:${process.env.PATH}` };
  const command = resolve(import.meta.dirname, "../../../operations/rotate/rotate.ts");
  return new Promise((done) => {
    execFile(process.execPath, [command, ...args], { env }, (error, _, stderr) =>
      done({ code: error?.code ?? 0, stderr }),
    );
  });
}

for (const command of ["begin", "finish"]) {
  test(`${command} has the cluster become what the stack says, before anything else`, async () => {
    writeFileSync(updated, "");
    const { code, stderr } = await rotate(command, "--yes");
    assert.match(stderr, /^The cluster is not yet as stack dev says: generation 2 is not in the bundle/);
    assert.match(stderr, /pulumi up has failed \(exit code 3\)/);
    assert.equal(code, 2);
    assert.equal(readFileSync(updated, "utf8"), "up --yes --stack dev\n");
  });
}

test("it asks first, unless it is told not to", async () => {
  writeFileSync(updated, "");
  const { code, stderr } = await rotate("begin");
  assert.match(stderr, /There is no terminal to ask on/);
  assert.equal(code, 2);
  assert.equal(readFileSync(updated, "utf8"), "");
});
