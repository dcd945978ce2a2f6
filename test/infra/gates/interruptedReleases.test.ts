import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { resolve } from "node:path";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import * as pulumi from "@pulumi/pulumi";
import { afterFailure, beforeCreate, beforeUpdate } from "../../../infra/gates/interruptedReleases.ts";
import { inputsOf } from "../../../infra/gates/registration.ts";
import { Refusal, startApiServer } from "../../mesh/apiServer.ts";
import { record } from "../../registrations.ts";

const installer = "Pulumi stack organization/project/dev";
const release = { name: "linkerd-crds", namespace: "linkerd", timeout: 60, values: { a: { b: 1 } } };
const secrets = "/api/v1/namespaces/linkerd/secrets";
const list = `GET ${secrets}?labelSelector=owner=helm,name=linkerd-crds`;
const cleared = `DELETE ${secrets}?labelSelector=owner=helm,name=linkerd-crds`;
const removed = (revision: string) => `DELETE ${secrets}/sh.helm.release.v1.linkerd-crds.${revision}`;

interface HelmRecord {
  readonly version: number;
  readonly status: string;
  readonly description?: string;
  readonly values?: unknown;
  readonly secondsAgo?: number;
}

/** One of Helm's Secrets, packed as Helm does. */
function secret({ version, status, description = "", values, secondsAgo = 0 }: HelmRecord): object {
  const packed = gzipSync(JSON.stringify({ info: { status, description }, config: values }));
  return {
    metadata: {
      name: `sh.helm.release.v1.linkerd-crds.v${version}`,
      namespace: "linkerd",
      labels: {
        name: "linkerd-crds",
        version: String(version),
        status,
        createdAt: String(Math.floor(Date.now() / 1000) - secondsAgo),
        modifiedAt: "1700000000",
      },
    },
    data: { release: Buffer.from(packed.toString("base64")).toString("base64") },
  };
}

const api = await startApiServer();

/** A cluster on which these records are found, one list after the other; the last stays. What is removed is accepted. */
function finding(...lists: HelmRecord[][]) {
  const items = () => ({ items: (lists.length > 1 ? lists.shift()! : lists[0]!).map(secret) });
  api.objects = { [secrets]: items, [`${secrets}/sh.helm.release.v1.linkerd-crds.v10`]: {} };
  api.requests = [];
  return Promise.resolve(api.cluster);
}

/** Runs a hook as part of a program, for what it logs. */
const create = (cluster: ReturnType<typeof finding>) =>
  record(() => beforeCreate(cluster, installer, release));
const update = (cluster: ReturnType<typeof finding>) => record(() => beforeUpdate(cluster, release));

test("nothing there: nothing to do", async () => {
  await create(finding([]));
  assert.deepEqual(api.requests, [list]);
  await update(finding([]));
  assert.deepEqual(api.requests, [list]);
});

test("an installation of this stack that was finished without it is taken over", async () => {
  await create(finding([{ version: 1, status: "deployed", description: installer }]));
  assert.deepEqual(api.requests, [list, cleared]);
});

test("an installation that is still under way is awaited", async () => {
  const pending = { version: 1, status: "pending-install", values: release.values };
  await create(finding([pending], [{ ...pending, status: "deployed", description: installer }]));
  assert.deepEqual(api.requests, [list, list, cleared]);
});

test("an installation that was taken back meanwhile leaves nothing to do", async () => {
  await create(finding([{ version: 1, status: "uninstalling" }], []));
  assert.deepEqual(api.requests, [list, list]);
});

test("an installation that has had its time is taken over, where it is this one", async () => {
  const stale = { version: 1, status: "pending-install", secondsAgo: 61 };
  await create(finding([{ ...stale, values: release.values }]));
  assert.deepEqual(api.requests, [list, cleared]);
  await assert.rejects(create(finding([{ ...stale, values: { a: { b: 2 } } }])), {
    message: /^Helm release linkerd\/linkerd-crds exists already \(pending-install\)/,
  });
});

test("someone else's release is left alone", async () => {
  for (const description of ["Install complete", "Pulumi stack organization/project/prod"]) {
    await assert.rejects(
      create(finding([{ version: 1, status: "deployed", description, values: release.values }])),
      {
        message:
          "Helm release linkerd/linkerd-crds exists already (deployed), and this stack did not install it. " +
          "Uninstall it (helm uninstall -n linkerd linkerd-crds); or, if an interrupted run of this stack has left " +
          "it, remove Helm's record of it (kubectl delete secret -n linkerd -l owner=helm,name=linkerd-crds).",
      },
    );
    assert.deepEqual(api.requests, [list]);
  }
});

test("the newest revision counts, by number", async () => {
  await update(
    finding([
      { version: 10, status: "pending-upgrade", secondsAgo: 61 },
      { version: 9, status: "deployed" },
    ]),
  );
  assert.deepEqual(api.requests, [list, removed("v10")]);
});

test("a change of a finished release has nothing to clear", async () => {
  for (const status of ["deployed", "failed"]) {
    await update(finding([{ version: 2, status, description: "anything" }]));
    assert.deepEqual(api.requests, [list]);
  }
});

test("if the records cannot be read, Helm has the last word", async () => {
  const cluster = finding([]);
  api.objects = { [secrets]: new Refusal(403, "secrets is forbidden") };
  await create(cluster);
  await update(cluster);
  await create(Promise.reject(new Error("no kubeconfig")));
});

test("a hook's inputs are unwrapped, and a failed one is told, not waited for", async () => {
  const inputs = { name: pulumi.secret("a"), values: { b: pulumi.output(1) } };
  assert.deepEqual(await inputsOf(inputs), { name: "a", values: { b: 1 } });
  // A failed Output ends the program, so this runs in a process of its own.
  const program = `
    import * as pulumi from "@pulumi/pulumi";
    import { inputsOf } from "./infra/gates/registration.ts";
    process.on("unhandledRejection", () => {});
    await inputsOf({ name: pulumi.output(Promise.reject(new Error("It failed."))) }).catch(({ message }) =>
      console.log(message),
    );`;
  const { stdout, signal } = spawnSync(process.execPath, ["--input-type=module", "--eval", program], {
    cwd: resolve(import.meta.dirname, "..", "..", ".."),
    encoding: "utf8",
    timeout: 20_000,
  });
  assert.deepEqual([signal, stdout], [null, "It failed.\n"]);
});

test("a record that cannot be removed fails the run", async () => {
  const pending = { version: 11, status: "pending-upgrade", secondsAgo: 61 };
  await assert.rejects(update(finding([pending])), {
    message: "Secret linkerd/sh.helm.release.v1.linkerd-crds.v11: not found (HTTP 404).",
  });
});

const fails = (
  cluster: ReturnType<typeof finding>,
  failedOperation: "create" | "update",
  ...errors: readonly string[]
) =>
  record(() =>
    afterFailure(cluster, installer, { failedOperation, newInputs: release, errors: [...errors] }),
  ).then(({ result }) => result);

/** As Helm says it; Pulumi puts more around it. */
const inUse = "1 error occurred:\n\t* cannot re-use a name that is still in use\n\n";
const existed = "Helm release was created, but failed: release: already exists";
const atWork = "another operation (install/upgrade/rollback) is in progress";

test("a record that was written between the look and the creation makes way, once it is finished", async () => {
  const pending = { version: 1, status: "pending-install", values: release.values };
  const deployed = { ...pending, status: "deployed", description: installer };
  assert.equal(await fails(finding([pending], [deployed]), "create", inUse), true);
  assert.deepEqual(api.requests, [list, list, cleared]);
});

test("what Pulumi has as created already is updated, once the other writer has it deployed", async () => {
  const pending = { version: 1, status: "pending-install", values: release.values };
  assert.equal(
    await fails(
      finding([pending], [{ ...pending, status: "deployed", description: installer }]),
      "create",
      existed,
    ),
    true,
  );
  assert.deepEqual(api.requests, [list, list]);
  const lost: readonly HelmRecord[][] = [
    [],
    [{ ...pending, secondsAgo: 61 }],
    [{ ...pending, status: "failed", description: installer }],
  ];
  for (const records of lost) assert.equal(await fails(finding(records), "create", existed), false);
});

test("a change that found another at work is made once that has ended", async () => {
  const pending = { version: 10, status: "pending-upgrade" };
  assert.equal(
    await fails(finding([pending], [{ version: 10, status: "deployed" }]), "update", atWork),
    true,
  );
  assert.deepEqual(api.requests, [list, list]);
  assert.equal(await fails(finding([{ ...pending, secondsAgo: 61 }]), "update", atWork), true);
  assert.deepEqual(api.requests, [list, removed("v10")]);
});

test("someone else's release stays, even if it was written after the look", async () => {
  const theirs = { version: 1, status: "deployed", description: "Install complete", values: release.values };
  for (const error of [inUse, existed]) {
    await assert.rejects(fails(finding([theirs]), "create", error), {
      message: /^Helm release linkerd\/linkerd-crds exists already \(deployed\), and this stack did not/,
    });
    assert.deepEqual(api.requests, [list]);
  }
});

test("any other failure is Helm's last word, and so is the fourth of these", async () => {
  const cluster = finding([{ version: 1, status: "deployed", description: installer }]);
  assert.equal(await fails(cluster, "create", "timed out waiting for the condition"), false);
  assert.equal(await fails(cluster, "create", "timed out waiting", inUse), false);
  assert.equal(await fails(cluster, "update", inUse), false);
  assert.equal(await fails(cluster, "create", inUse, inUse, inUse, inUse), false);
  assert.equal(
    await afterFailure(cluster, installer, { failedOperation: "delete", errors: [atWork] }),
    false,
  );
  assert.deepEqual(api.requests, []);
  assert.equal(await fails(cluster, "create", inUse, inUse, inUse), true);
});
