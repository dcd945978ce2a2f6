/** The cluster is looked at before Linkerd is installed: at preview, and right before a release is touched. */
import assert from "node:assert/strict";
import { readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { after, before, test } from "node:test";
import {
  environment,
  execute,
  kubectl,
  projectDirectory,
  removeSandbox,
  run,
  set,
  startSandbox,
  temporaryFolder,
} from "../stack.ts";

const group = "gateway.networking.k8s.io";
const folder = temporaryFolder();
before(async () => {
  await startSandbox();
  const programs = environment.PATH!.split(delimiter)[0]!;
  for (const name of readdirSync(programs)) {
    if (name !== "kubectl") symlinkSync(join(programs, name), join(folder, name));
  }
});
after(removeSandbox);

/** What Pulumi says as it refuses, on a machine that has no kubectl. */
async function refused(...args: string[]): Promise<string> {
  const path = `PATH=${[folder, join(projectDirectory, "node_modules", ".bin")].join(delimiter)}`;
  const { code, stdout, stderr } = await execute("env", [path, "pulumi", ...args]);
  assert.notEqual(code, 0, stdout);
  // One sentence for people, and no stack of calls.
  assert.doesNotMatch(stdout + stderr, /unhandled exception|error serializing/);
  return stdout + stderr;
}

test("a Linkerd that is too old for the cluster's Kubernetes is refused at preview", async () => {
  await set("linkerdControlPlaneChart", "linkerd2");
  await set("linkerdControlPlaneChartVersion", "2.11.5");
  await set("rotateWebhookCredentials", "false");
  assert.match(
    await refused("preview"),
    /linkerdControlPlaneChartVersion: Linkerd 2\.11 needs Kubernetes 1\.16 to 1\.24, and the cluster runs v1\.36/,
  );
});

test("definitions of the Gateway API that someone else has applied are refused at preview", async () => {
  const file = join(folder, "definition.json");
  const definition = {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: {
      name: `httproutes.${group}`,
      annotations: { "api-approved.kubernetes.io": "https://github.com/kubernetes-sigs/gateway-api" },
    },
    spec: {
      group,
      scope: "Namespaced",
      names: { kind: "HTTPRoute", plural: "httproutes", singular: "httproute" },
      versions: [
        { name: "v1", served: true, storage: true, schema: { openAPIV3Schema: { type: "object" } } },
      ],
    },
  };
  writeFileSync(file, JSON.stringify(definition));
  await kubectl("apply", "--filename", file);
  await set("linkerdControlPlaneChart", "linkerd-control-plane");
  await set("linkerdControlPlaneChartVersion", "2026.8.3");
  await set("installGatewayApi", "true");
  assert.match(await refused("preview"), /has the definition httproutes\S+, which no Helm release owns/);
});

test("without a preview, it is refused before a release of Linkerd is touched", async () => {
  assert.match(await refused("up", "--yes", "--skip-preview"), /has the definition httproutes\S+, which/);
  assert.equal(await run("helm", "list", "--all", "--namespace=linkerd", "--short"), "");
});
