import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { resolve } from "node:path";
import { beforeEach, test } from "node:test";
import { gzipSync } from "node:zlib";
import * as pulumi from "@pulumi/pulumi";
import { beforeCreate, beforeUpdate, known } from "../../../infra/gates/interruptedReleases.ts";
import type { Kubectl } from "../../../infra/gates/kubectl.ts";
import { record } from "../../registrations.ts";

const installer = "Pulumi stack organization/project/dev";
const release = { name: "linkerd-crds", namespace: "linkerd", timeout: 60, values: { a: { b: 1 } } };
const list = "get secrets --namespace linkerd --selector owner=helm,name=linkerd-crds --output=json";

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
      labels: {
        version: String(version),
        status,
        createdAt: String(Math.floor(Date.now() / 1000) - secondsAgo),
        modifiedAt: "1700000000",
      },
    },
    data: { release: Buffer.from(packed.toString("base64")).toString("base64") },
  };
}

let calls: string[];
beforeEach(() => {
  calls = [];
});

/** A kubectl that finds these records, one list after the other; the last stays. */
function kubectlFinding(...lists: HelmRecord[][]): Kubectl {
  return async (...args) => {
    calls.push(args.join(" "));
    if (args[0] !== "get") return "";
    const records = lists.length > 1 ? lists.shift()! : lists[0]!;
    return JSON.stringify({ items: records.map(secret) });
  };
}

/** Runs a hook as part of a program, for what it logs. */
const run = (hook: () => Promise<void>) => record(hook);

const create = (kubectl: Kubectl) => run(() => beforeCreate(kubectl, installer, release));
const update = (kubectl: Kubectl) => run(() => beforeUpdate(kubectl, release));

const cleared = "delete secret --namespace linkerd --selector owner=helm,name=linkerd-crds";

test("nothing there: nothing to do", async () => {
  await create(kubectlFinding([]));
  await update(kubectlFinding([]));
  assert.deepEqual(calls, [list, list]);
});

test("an installation of this stack that was finished without it is taken over", async () => {
  await create(kubectlFinding([{ version: 1, status: "deployed", description: installer }]));
  assert.deepEqual(calls, [list, cleared]);
});

test("an installation that is still under way is awaited", async () => {
  const pending = { version: 1, status: "pending-install", values: release.values };
  await create(kubectlFinding([pending], [{ ...pending, status: "deployed", description: installer }]));
  assert.deepEqual(calls, [list, list, cleared]);
});

test("an installation that was taken back meanwhile leaves nothing to do", async () => {
  await create(kubectlFinding([{ version: 1, status: "uninstalling" }], []));
  assert.deepEqual(calls, [list, list]);
});

test("an installation that has had its time is taken over, where it is this one", async () => {
  const stale = { version: 1, status: "pending-install", secondsAgo: 61 };
  await create(kubectlFinding([{ ...stale, values: release.values }]));
  assert.deepEqual(calls, [list, cleared]);
  await assert.rejects(create(kubectlFinding([{ ...stale, values: { a: { b: 2 } } }])), {
    message: /^Helm release linkerd\/linkerd-crds is there already \(pending-install\)/,
  });
});

test("someone else's release is left alone", async () => {
  for (const description of ["Install complete", "Pulumi stack organization/project/prod"]) {
    await assert.rejects(
      create(kubectlFinding([{ version: 1, status: "deployed", description, values: release.values }])),
      {
        message:
          "Helm release linkerd/linkerd-crds is there already (deployed), and this stack did not install it. " +
          "Uninstall it (helm uninstall -n linkerd linkerd-crds); or, where an interrupted run of this stack has left " +
          "it, remove Helm's record of it (kubectl delete secret -n linkerd -l owner=helm,name=linkerd-crds).",
      },
    );
  }
  assert.deepEqual(calls, [list, list]);
});

test("the newest revision counts, by number", async () => {
  await update(
    kubectlFinding([
      { version: 10, status: "pending-upgrade", secondsAgo: 61 },
      { version: 9, status: "deployed" },
    ]),
  );
  assert.deepEqual(calls, [list, "delete secret --namespace linkerd sh.helm.release.v1.linkerd-crds.v10"]);
});

test("a change of a finished release has nothing to clear", async () => {
  await update(kubectlFinding([{ version: 2, status: "deployed", description: "anything" }]));
  await update(kubectlFinding([{ version: 2, status: "failed" }]));
  assert.deepEqual(calls, [list, list]);
});

test("where kubectl cannot tell, Helm has the last word", async () => {
  const failing: Kubectl = () => Promise.reject(new Error("spawn kubectl ENOENT"));
  await create(failing);
  await update(failing);
});

test("a hook's inputs are unwrapped, and a failed one is told, not waited for", async () => {
  const inputs = { name: pulumi.secret("a"), values: { b: pulumi.output(1) } };
  assert.deepEqual(await known(inputs), { name: "a", values: { b: 1 } });
  // A failed Output ends the program, so this runs in a process of its own.
  const program = `
    import * as pulumi from "@pulumi/pulumi";
    import { known } from "./infra/gates/interruptedReleases.ts";
    process.on("unhandledRejection", () => {});
    await known({ name: pulumi.output(Promise.reject(new Error("It failed."))) }).catch(({ message }) =>
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
  const found = kubectlFinding([{ version: 1, status: "deployed", description: installer }]);
  const forbidden: Kubectl = (...args) =>
    args[0] === "delete" ? Promise.reject(new Error("secrets is forbidden")) : found(...args);
  await assert.rejects(create(forbidden), { message: "secrets is forbidden" });
});
