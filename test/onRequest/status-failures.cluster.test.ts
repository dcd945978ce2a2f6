/**
 * `npm run test:status`: more of what nobody else sees, on a real mesh: each failure is made, found in one call of `status`,
 * and mended by `--fix`, which restarts nothing else; and what `status` says to a user who lacks one of the documented rights.
 */
import assert from "node:assert/strict";
import { chmodSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { after, before, suite, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import "reflect-metadata"; // @peculiar/x509 expects it to be there
import { Extension } from "@peculiar/x509";
import { until } from "../../sandbox/until.ts";
import { authority, authorityExtensions, hoursFromNow } from "../certificates.ts";
import { createReader, rights, statusWithout } from "../operations/status/reader.ts";
import {
  apply,
  blindIdentity,
  fix,
  inLinkerd,
  inShop,
  rulesOf,
  shown,
  soundAgain,
  startShop,
} from "../operations/status/shop.ts";
import { environment, execute, kubectl, projectDirectory, removeSandbox, temporaryFolder } from "../stack.ts";

/** Of an issued leaf: both allowances are part of it. */
const leafSeconds = 70;

before(startShop);
after(removeSandbox);

test("linkerd check shows the verdicts as its own, and fails with them", async () => {
  const folder = temporaryFolder();
  const executable = join(folder, "linkerd-credentials");
  const program = resolve(projectDirectory, "operations/linkerdCredentials.ts");
  writeFileSync(executable, `#!/bin/sh\nexec ${process.execPath} ${program} "$@"\n`);
  chmodSync(executable, 0o755);
  const env = { ...environment, PATH: `${folder}:${environment.PATH}` };
  const check = async () => {
    const { stdout } = await execute("linkerd", ["check", "--output=json", "--wait=30s"], undefined, env);
    // It prints one JSON object for its own checks, and one for each extension.
    const last = stdout.slice(stdout.lastIndexOf("\n{") + 1);
    return JSON.parse(last) as {
      success: boolean;
      categories: {
        categoryName: string;
        checks: { description: string; result: string; error?: string }[];
      }[];
    };
  };
  const right = await check();
  assert.equal(right.categories[0]?.categoryName, "linkerd-credentials");
  assert.ok(right.categories[0].checks.length >= 7);
  assert.ok(
    right.categories[0].checks.every(({ result }) => result === "success"),
    JSON.stringify(right),
  );
  const scale = (replicas: number) =>
    kubectl("scale", "deployment/cert-manager", "--namespace=cert-manager", `--replicas=${replicas}`);
  await scale(0);
  try {
    await until("linkerd check to fail", 60_000, async () => {
      const { success, categories } = await check();
      const errors = categories[0]!.checks.map(({ error }) => error).join();
      return (!success && errors.includes("cert-manager's controller is not running")) || errors;
    });
  } finally {
    await scale(1);
  }
  await soundAgain();
});

/** The kubelet delivers a changed Secret within two minutes, for which `--fix` waits. */
const deliveredSeconds = 125;

suite("Found in one call, and mended by --fix, is", () => {
  test("a watcher that is blind, though an event says IssuerUpdated", async () => {
    const message = await blindIdentity();
    await pause(deliveredSeconds * 1000);
    const seen = await shown();
    assert.equal(seen.lastReload?.message, message);
    assert.deepEqual(rulesOf(seen), ["issuer-loaded"]);
    const { said, restarted } = await fix();
    assert.match(said, /Deployment linkerd\/linkerd-identity: The identity controller has loaded issuer/);
    assert.deepEqual(restarted, ["linkerd/linkerd-identity"]);
    await soundAgain();
  });

  test("pods whose leaves have ended, while everything is Ready and linkerd check --proxy says nothing", async () => {
    await kubectl("scale", inLinkerd, "deployment/linkerd-identity", "--replicas=0");
    await pause((leafSeconds + 5) * 1000);
    await kubectl("scale", inLinkerd, "deployment/linkerd-identity", "--replicas=1");
    await kubectl("rollout", "status", inLinkerd, "deployment/linkerd-identity", "--timeout=120s");
    // Time to come back, if they could.
    await pause(20_000);
    const ready = await kubectl(
      "get",
      "pods",
      inShop,
      "--output=jsonpath={.items[*].status.containerStatuses[*].ready}",
    );
    assert.match(ready, /^(true ?)+$/);
    const checked = JSON.parse(
      (await execute("linkerd", ["check", "--proxy", "--output=json", "--namespace=shop", "--wait=10s"]))
        .stdout,
    ) as { categories: { categoryName: string; checks: { result: string }[] }[] };
    const dataPlane = checked.categories.filter(({ categoryName }) => /data-plane/.test(categoryName));
    assert.ok(
      dataPlane.length > 0 &&
        dataPlane.every(({ checks }) => checks.every(({ result }) => result !== "error")),
    );
    const seen = await shown();
    assert.ok(rulesOf(seen).includes("leaf-ended"), JSON.stringify(seen.problems));
    const ended = seen.problems.find(({ rule }) => rule === "leaf-ended")!;
    assert.match(ended.field, /Deployment shop\/(web|cart)/);
    const { said, restarted } = await fix();
    assert.match(
      said,
      /Deployment linkerd\/linkerd-destination: .*its leaf ended[\s\S]*Deployment shop\/web: 1 pod: its leaf ended/,
    );
    // Identity is new, and well.
    assert.deepEqual(restarted, [
      "linkerd/linkerd-destination",
      "linkerd/linkerd-proxy-injector",
      "shop/cart",
      "shop/web",
    ]);
    await soundAgain();
  });

  test("an identity replica that was started with an older bundle", async () => {
    const restore = await addAnchor();
    const seen = await shown();
    assert.ok(rulesOf(seen).includes("controller-anchors"), JSON.stringify(seen.problems));
    const { said, restarted } = await fix();
    assert.match(
      said,
      /Deployment linkerd\/linkerd-identity: The identity controller was started with other/,
    );
    assert.deepEqual(restarted, ["linkerd/linkerd-identity"]);
    await until("identity to have the anchors of now", 60_000, async () => {
      const rules = rulesOf(await shown());
      return !rules.includes("controller-anchors") || rules.join();
    });
    await restore();
  });

  test("a proxy that skips an anchor which it cannot read", async () => {
    // Go reads it; the proxy's verifier does not know what is critical in it.
    const unknown = new Extension("1.2.3.4.5", true, new Uint8Array([5, 0]));
    const extensions = [...authorityExtensions(), unknown];
    const restore = await addAnchor(extensions);
    try {
      await injected(2);
      await restartWeb();
      const skipped = (await shown()).problems.find(({ rule }) => rule === "pods-read-bundle");
      assert.match(
        skipped?.message ?? "",
        /Of the bundle with which 1 pod started, 1 of 2 certificates cannot be read/,
      );
      assert.equal(skipped?.field, "Deployment shop/web");
      // A new pod would be given the same bundle.
      assert.deepEqual((await fix()).restarted, ["linkerd/linkerd-identity"]);
    } finally {
      await restore();
    }
    await injected(1);
    const { said, restarted } = await fix();
    assert.match(said, /Deployment shop\/web: 1 pod: cannot read all of the bundle with which it started/);
    assert.deepEqual(restarted, ["shop/web"]);
    await soundAgain();
  });
});

/** Waits until the injector, which has the bundle from a volume, gives pods so many anchors. */
const injected = (anchors: number) =>
  until(`the injector to give ${anchors} anchors`, 180_000, async () => {
    const options = ["--image=example.com/app:1", "--dry-run=server", "--output=json"];
    const pod = await kubectl("run", "probe", inShop, ...options);
    return pod.split("-----BEGIN CERTIFICATE-----").length - 1 === anchors;
  });

async function restartWeb(): Promise<void> {
  await kubectl("rollout", "restart", inShop, "deployment/web");
  await kubectl("rollout", "status", inShop, "deployment/web", "--timeout=180s");
}

/** Adds a new anchor to the bundle, past Helm; gives what takes it back. */
async function addAnchor(extensions = authorityExtensions()): Promise<() => Promise<void>> {
  const name = "linkerd-identity-trust-roots";
  const before = JSON.parse(await kubectl("get", "configmap", inLinkerd, name, "--output=json")).data[
    "ca-bundle.crt"
  ];
  const { certificate } = await authority({
    commonName: "company root",
    notAfter: hoursFromNow(87600),
    extensions,
  });
  const write = (bundle: string) =>
    kubectl(
      "patch",
      "configmap",
      inLinkerd,
      name,
      `--patch=${JSON.stringify({ data: { "ca-bundle.crt": bundle } })}`,
    );
  await write(`${before}\n${certificate.toString().trimEnd()}`);
  return async () => {
    await write(before);
    await kubectl("rollout", "restart", inLinkerd, "deployment/linkerd-identity");
    await kubectl("rollout", "status", inLinkerd, "deployment/linkerd-identity", "--timeout=120s");
  };
}

suite("A user with the documented Role", () => {
  before(createReader);

  for (const right of rights) {
    const { resources } = right.rule;
    const [resource] = resources;
    test(`without ${resources.join(" and ")} (${right.role.kind}) is told so`, async () => {
      const ask = () => statusWithout(right);
      const { code, stdout, stderr } = await (resource === "clusterissuers"
        ? signedByClusterIssuer(ask)
        : ask());
      assert.notEqual(code, 0, stdout);
      const named = resource!.replace("serviceaccounts/token", "token");
      const said = new RegExp(`${named}.*(forbidden|403)|403.*portforward|portforward.*403`, "i");
      assert.match(stdout + stderr, said);
    });
  }
});

/**
 * Has a webhook's certificate signed by a ClusterIssuer while something is done: the stack's own meshes have one only with
 * `trustAnchorSource: cluster`.
 */
async function signedByClusterIssuer<Result>(work: () => Promise<Result>): Promise<Result> {
  const name = "linkerd-sp-validator";
  const apiVersion = "cert-manager.io/v1";
  await apply({
    apiVersion,
    kind: "ClusterIssuer",
    metadata: { name: "webhooks" },
    spec: { selfSigned: {} },
  });
  const before = JSON.parse(await kubectl("get", "certificate", inLinkerd, name, "--output=json")).spec
    .issuerRef;
  const point = async (issuerRef: object) => {
    const patch = `--patch=${JSON.stringify({ spec: { issuerRef } })}`;
    await kubectl("patch", "certificate", inLinkerd, name, "--type=merge", patch);
  };
  try {
    await point({ ...before, kind: "ClusterIssuer", name: "webhooks" });
    return await work();
  } finally {
    await point(before);
    await kubectl("delete", "clusterissuer", "webhooks");
  }
}
