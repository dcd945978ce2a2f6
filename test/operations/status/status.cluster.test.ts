/**
 * What nobody else sees, on a real mesh: each failure is made, and found in one call of `status`; `--fix` restarts what
 * needs it, and nothing else. More failures are for `npm run test:status`.
 */
import assert from "node:assert/strict";
import { createPrivateKey, KeyObject, X509Certificate } from "node:crypto";
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { after, before, suite, test } from "node:test";
import { z } from "zod";
import { askToIssue } from "../../../mesh/certManager.ts";
import { until } from "../../../sandbox/until.ts";
import { hoursFromNow, keysOf, leaf } from "../../certificates.ts";
import { commandBlocks } from "../../docs/commandBlocks.ts";
import { connectTo, kubectl, projectDirectory, removeSandbox, run } from "../../stack.ts";
import { createReader, rights, statusOfReader, statusWithout } from "./reader.ts";
import {
  blind,
  blindIdentity,
  fix,
  inLinkerd,
  refuseByCaBundle,
  rulesOf,
  shown,
  soundAgain,
  startShop,
} from "./shop.ts";

before(startShop);
after(removeSandbox);

test("a mesh that is right: every pod's bundle, every leaf, and what the webhooks serve", async () => {
  const seen = await shown("--leaves");
  assert.equal(seen.verdict, "ok");
  const schema = z.fromJSONSchema(
    JSON.parse(readFileSync(join(projectDirectory, "docs/status.schema.json"), "utf8")),
  );
  assert.deepEqual(schema.safeParse(seen).error?.issues, undefined);
  assert.deepEqual(
    seen.mesh.bundles.map(({ state }) => state),
    ["current"],
  );
  assert.deepEqual(seen.mesh.bundles[0]!.workloads.map(({ name }) => name).sort(), [
    "cart",
    "linkerd-destination",
    "linkerd-identity",
    "linkerd-proxy-injector",
    "web",
  ]);
  assert.equal(seen.mesh.leaves.length, seen.mesh.pods);
  assert.ok(seen.mesh.leaves.every(({ state, generation }) => state === "live" && generation === 1));
  for (const { name, served } of seen.webhooks) {
    assert.ok(served.length > 0 && served.every(({ serialNumber }) => serialNumber !== undefined), name);
  }
});

test("the commands of docs/status.md, and of docs/alerts.md, do what the page says", async () => {
  const scripts = ["docs/status.md", "docs/alerts.md"]
    .flatMap(commandBlocks)
    .filter(({ remark }) => remark === "run by test/operations/status/status.cluster.test.ts");
  const written = ["status.json", "status.html", "status.prom"].map((name) => join(projectDirectory, name));
  try {
    for (const { script } of scripts) await run("bash", "-c", `set -e -o pipefail\n${script}`);
    const [json, html, metrics] = written.map((file) => readFileSync(file, "utf8"));
    assert.equal(JSON.parse(json!).verdict, "ok");
    assert.match(html!, /<title>All right: /);
    assert.match(metrics!, /^linkerd_credentials_status_exit_code 0$/m);
  } finally {
    for (const file of written) rmSync(file, { force: true });
  }
});

suite("Found in one call is", () => {
  test("a watcher that is blind, though an event says IssuerUpdated", async () => {
    const message = await blindIdentity();
    const seen = await shown();
    assert.deepEqual([seen.lastReload?.reason, seen.lastReload?.message], ["IssuerUpdated", message]);
    assert.deepEqual(rulesOf(seen), ["issuer-loaded"]);
    // As --fix would, once the kubelet must have delivered: npm run test:status waits for that.
    await kubectl("rollout", "restart", inLinkerd, "deployment/linkerd-identity");
    await soundAgain();
  });

  test("a webhook that serves an old certificate, and --fix restarts it alone", async () => {
    await blind("proxy-injector", "/run/linkerd/tls", await endedPair("linkerd-proxy-injector"));
    // It looks again when the kubelet delivers, and finds what is mounted over that.
    await askToIssue(connectTo("linkerd"), "linkerd-proxy-injector");
    await until("the injector to serve the old certificate", 120_000, async () => {
      const rules = rulesOf(await shown());
      return rules.includes("webhook-served") || rules.join();
    });
    const seen = await shown();
    assert.deepEqual(rulesOf(seen), ["webhook-served"]);
    const { message } = seen.problems.find(({ rule }) => rule === "webhook-served")!;
    assert.match(message, /^The proxy injector serves certificate .* The API server refuses it: .*expired/);
    const { said, restarted } = await fix();
    assert.match(said, /Deployment linkerd\/linkerd-proxy-injector: The proxy injector serves certificate/);
    assert.deepEqual(restarted, ["linkerd/linkerd-proxy-injector"]);
    await soundAgain();
  });

  test("a caBundle that refuses what a webhook serves", async () => {
    const restore = await refuseByCaBundle();
    try {
      const seen = await shown();
      assert.deepEqual(rulesOf(seen), ["webhook-chain"]);
      const { message } = seen.problems.find(({ rule }) => rule === "webhook-chain")!;
      assert.match(message, /^The API server will not trust the profile validator: /);
    } finally {
      await restore();
    }
    await soundAgain();
  });
});

/** A certificate of a webhook, by the authority of now, that ended an hour ago; and its key. */
async function endedPair(webhook: string) {
  const { core } = connectTo("linkerd");
  const { data } = await core.readNamespacedSecret({ namespace: "linkerd", name: "webhook-issuer-tls" });
  const text = (key: string) => Buffer.from(data![key]!, "base64").toString();
  const signing = { name: "ECDSA", namedCurve: "P-256" };
  const signer = {
    commonName: "webhooks.linkerd.svc",
    certificate: new X509Certificate(text("tls.crt")),
    privateKey: createPrivateKey(text("tls.key")).toCryptoKey(signing, true, ["sign"]),
  };
  const { privateKey, publicKey } = await keysOf();
  const commonName = `${webhook}.linkerd.svc`;
  const life = { notBefore: hoursFromNow(-25), notAfter: hoursFromNow(-1) };
  const certificate = await leaf({ commonName, signer, publicKey, ...life });
  const key = KeyObject.from(privateKey).export({ format: "pem", type: "pkcs8" });
  return { "tls.crt": certificate.toString(), "tls.key": key.toString() };
}

suite("A user with the documented Role", () => {
  before(createReader);

  test("sees everything", async () => {
    const { code, stdout, stderr } = await statusOfReader();
    assert.equal(code, 0, stdout + stderr);
  });

  test("without one of its rights is told so; the others are for npm run test:status", async () => {
    const right = rights.find(({ rule }) => rule.resources.includes("pods/portforward"))!;
    const { code, stdout, stderr } = await statusWithout(right);
    assert.notEqual(code, 0, stdout);
    assert.match(stdout + stderr, /403.*portforward|portforward.*403/);
  });
});
