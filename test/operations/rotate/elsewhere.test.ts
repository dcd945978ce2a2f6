/**
 * Where a rotation stands whose signer is not the stack's own, or whose key is lost: the command asks the cluster, and says what
 * it cannot do.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { chmodSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { test } from "node:test";
import { authority, type Fabricated, hoursFromNow } from "../../certificates.ts";
import { startApiServer } from "../../mesh/apiServer.ts";

const api = await startApiServer();
const [old, next, stranger] = await Promise.all(
  ["company 1", "company 2", "stranger"].map((commonName) =>
    authority({ commonName, notAfter: hoursFromNow(100_000) }),
  ),
);
const pemOf = ({ certificate }: Fabricated) => certificate.toString();
const inLinkerd = "/api/v1/namespaces/linkerd";

/** A mesh that trusts these roots, and whose issuer that one has signed. */
async function holding(signer: Fabricated, ...roots: Fabricated[]): Promise<void> {
  const stored = await authority({ commonName: "identity.linkerd.cluster.local", signer });
  api.objects = {
    [`${inLinkerd}/configmaps/linkerd-config`]: { data: { values: "{}" } },
    [`${inLinkerd}/configmaps/linkerd-identity-trust-roots`]: {
      data: { "ca-bundle.crt": roots.map(pemOf).join("") },
    },
    [`${inLinkerd}/pods`]: { items: [] },
    "/api/v1/pods": { metadata: {}, items: [] },
    [`${inLinkerd}/secrets/linkerd-identity-issuer`]: {
      data: { "tls.crt": Buffer.from(pemOf(stored)).toString("base64") },
    },
    "/apis/cert-manager.io/v1/namespaces/linkerd/certificates": { items: [] },
  };
}

const project = "linkerd-rotating-tls";

/** Has Pulumi answer so of the stack. */
function configure(settings: Readonly<Record<string, unknown>>): void {
  const entries = Object.entries({ kubeconfig: api.kubeconfig, ...settings }).map(([key, value]) => [
    `${project}:${key}`,
    typeof value === "string" ? { value } : { value: JSON.stringify(value), objectValue: value },
  ]);
  const answer = JSON.stringify(Object.fromEntries(entries));
  writeFileSync(join(api.directory, "config.json"), answer);
  const pulumi = join(api.directory, "pulumi");
  writeFileSync(
    pulumi,
    `#!/bin/sh\ncase "$1" in config) cat ${api.directory}/config.json ;; stack) echo dev ;; *) exit 3 ;; esac\n`,
  );
  chmodSync(pulumi, 0o755);
}

function rotate(...args: string[]): Promise<{ code: unknown; stdout: string; stderr: string }> {
  const env = { ...process.env, PATH: `${api.directory}:${process.env.PATH}` };
  const command = resolve(import.meta.dirname, "../../../operations/rotate/rotate.ts");
  return new Promise((done) => {
    execFile(process.execPath, [command, ...args], { env }, (error, stdout, stderr) =>
      done({ code: error?.code ?? 0, stdout, stderr }),
    );
  });
}

const given = (roots: Readonly<Record<string, Fabricated>>) => ({
  identityIssuerSource: "secret",
  trustAnchorGenerations: Object.keys(roots).map(Number),
  providedTrustAnchors: Object.fromEntries(
    Object.entries(roots).map(([generation, root]) => [generation, { certificatePem: pemOf(root) }]),
  ),
});

test("the stage is where the stored issuer leads", async () => {
  configure(given({ 1: old!, 2: next! }));
  for (const [signer, stage, step] of [
    [old, "distributed", "activate"],
    [next, "alone", "retire"],
  ] as const) {
    await holding(signer!, old!, next!);
    const { code, stdout, stderr } = await rotate("plan", "--json");
    assert.equal(code, 0, stderr);
    const plan = JSON.parse(stdout);
    assert.deepEqual([plan.stage, plan.next.step], [stage, step]);
  }
});

test("an issuer that leads to no generation is told of, and nothing is done", async () => {
  configure(given({ 1: old!, 2: next! }));
  await holding(stranger!, old!, next!);
  const { code, stderr } = await rotate("run");
  assert.equal(code, 2);
  assert.match(
    stderr,
    /the one in Secret linkerd\/linkerd-identity-issuer leads to none of trustAnchorGenerations \[1, 2\].* If it has ended, or its anchor has: npm run -s recover$/m,
  );
});

test("what someone else signs with cannot be distrusted here", async () => {
  configure(given({ 1: old! }));
  await holding(old!, old!);
  const { code, stderr } = await rotate("begin", "--distrust", "--yes");
  assert.equal(code, 2);
  assert.match(stderr, /^Someone else signs \(identityIssuerSource\), .*--distrust would cut off every pod/);
});

test("an anchor whose key is lost can be distrusted, and takes no other step", async () => {
  const { identityIssuerSource: _, ...own } = given({ 1: old! });
  configure(own);
  await holding(old!, old!);
  for (const args of [["plan"], ["begin", "--yes"], ["run"]]) {
    const { code, stderr } = await rotate(...args);
    assert.equal(code, 2);
    assert.match(stderr, /signing-key/);
    assert.match(stderr, /If the key is lost: npm run -s rotate -- begin --distrust/);
  }
  const asked = await rotate("begin", "--distrust");
  assert.match(
    asked.stderr,
    /generation 1 leaves the bundle at once.*There is no way back.*There is no terminal to ask on/s,
  );
});

test("what cannot vouch again is not taken back", async () => {
  const { identityIssuerSource: _, ...own } = given({ 1: old! });
  configure({
    ...own,
    trustAnchorGenerations: [1, 2],
    signingGeneration: "2",
    distrustedTrustAnchors: [1],
  });
  await holding(next!, old!);
  const { code, stderr } = await rotate("abort", "--yes");
  assert.equal(code, 2);
  assert.equal(
    stderr.trim(),
    "What was distrusted cannot vouch again, since it was given, and has ended or is here without its key. To go on: npm run -s rotate -- run",
  );
});

test("an anchor that the cluster keeps is rotated by hand, in an order that is told", async () => {
  configure({ trustAnchorSource: "cluster" });
  const { code, stderr } = await rotate("begin", "--yes");
  assert.equal(code, 2);
  assert.match(
    stderr,
    /trustAnchorSource: cluster.*cmctl renew --namespace cert-manager linkerd-trust-anchor; pulumi up; restart every meshed pod; npm run -s renew/,
  );
});
