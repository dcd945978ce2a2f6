/**
 * `npm run test:adopt-more`: meshes of `linkerd install`, of today's documentation, of Buoyant's chart and of Terraform, and
 * one of someone else's PKI with viz, the CNI plugin and high availability, are taken into a stack under load.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { chartArchive } from "../../sandbox/programs.ts";
import { restartWorkloads, startLoad, undisturbed } from "../meshLoad.ts";
import { listObjects, listObjectsOfSettledCluster } from "../objects.ts";
import {
  execute,
  kubectl,
  removeSandbox,
  run,
  sandboxName,
  soundCredentials,
  startSandbox,
} from "../stack.ts";
import {
  adopt,
  adopts,
  forgetStack,
  inLinkerd,
  killedAt,
  newStack,
  remove,
  runScript,
  stackFile,
  succeeded,
  versions,
} from "./adoption.ts";

let objectsBefore: string[];

before(async () => {
  await startSandbox("linkerd", "mesh-load", "trust-manager");
  const chart = await chartArchive(sandboxName, "cert-manager");
  const values = ["--create-namespace", "--set=crds.enabled=true", "--wait"];
  await run("helm", "install", "cert-manager", chart, "--namespace=cert-manager", ...values);
  objectsBefore = await listObjectsOfSettledCluster();
});
after(removeSandbox);

/** Linkerd as its page on getting started has it. */
async function linkerdInstall(...options: string[]): Promise<void> {
  const script = `linkerd install --crds | kubectl apply -f - && linkerd install ${options.join(" ")} | kubectl apply -f -`;
  succeeded(await execute("bash", ["-c", `set -e -o pipefail\n${script}`]));
  await kubectl("rollout", "status", "deployment", inLinkerd, "--timeout=300s");
}

test("what linkerd install has made becomes two Helm releases; backed out before, it is as it was", async () => {
  await newStack();
  await linkerdInstall("--set", "podLabels.team=mesh");
  await startLoad({ simulated: 0, running: 3 });
  const before = await versions();
  const { code, stdout, stderr } = await adopt("--check");
  console.log(stdout, stderr);
  assert.equal(code, 1, stdout + stderr);
  assert.equal(await versions(), before);

  await killedAt(/Importing what is there/);
  console.log(await run("helm", "list", "--all-namespaces"));
});
