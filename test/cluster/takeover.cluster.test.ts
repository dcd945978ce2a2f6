/**
 * A stack that the last version before the CHANGELOG's first entry has made is taken over.
 *
 * `takeover.json` is its state, as `pulumi stack export --show-secrets` gave it after an installation with Pulumi 3.259
 * and the Kubernetes provider 4.18.1, with another text in place of the anchor's private key.
 */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { parse } from "yaml";
import { controlPlaneWebhooks } from "../../rules/linkerdNames.ts";
import { sandboxPaths } from "../../sandbox/directories.ts";
import { kubectl, pulumi, removeSandbox, sandboxName, startSandbox, temporaryFolder } from "../stack.ts";

const folder = temporaryFolder();

const certificates = "certificates.cert-manager.io";
/** As far as the API server has to know it. */
const certificateDefinition = {
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  metadata: {
    name: certificates,
    annotations: {
      "meta.helm.sh/release-name": "cert-manager",
      "meta.helm.sh/release-namespace": "cert-manager",
    },
  },
  spec: {
    group: "cert-manager.io",
    scope: "Namespaced",
    names: { kind: "Certificate", plural: "certificates" },
    versions: [
      {
        name: "v1",
        served: true,
        storage: true,
        schema: { openAPIV3Schema: { type: "object", "x-kubernetes-preserve-unknown-fields": true } },
      },
    ],
  },
};

async function apply(...items: object[]): Promise<void> {
  const file = join(folder, "objects.json");
  writeFileSync(file, JSON.stringify({ apiVersion: "v1", kind: "List", items }));
  await kubectl("apply", "--filename", file);
}

before(async () => {
  await startSandbox();
  const state = readFileSync(new URL("takeover.json", import.meta.url), "utf8");
  const { deployment, ...rest } = JSON.parse(
    state.replaceAll(".sandbox/before/", `.sandbox/${sandboxName}/`),
  );
  const { encryptionsalt: salt } = parse(readFileSync(sandboxPaths(sandboxName).stackConfiguration, "utf8"));
  // This stack's own, by which the state is encrypted as it is imported.
  const provider = { type: "passphrase", state: { salt } };
  const file = join(folder, "state.json");
  writeFileSync(
    file,
    JSON.stringify({ ...rest, deployment: { ...deployment, secrets_providers: provider } }),
  );
  await pulumi("stack", "import", "--file", file);
  // What is going to be changed is asked of the API server in a dry run, and so it must be there.
  await apply(
    ...["linkerd", "cert-manager"].map((name) => ({
      apiVersion: "v1",
      kind: "Namespace",
      metadata: { name },
    })),
    ...controlPlaneWebhooks.map(({ configuration: { kind, name } }) => ({
      apiVersion: "admissionregistration.k8s.io/v1",
      kind: `${kind}WebhookConfiguration`,
      metadata: { name },
    })),
    certificateDefinition,
  );
  await kubectl("wait", "--for=condition=Established", "customresourcedefinition", certificates);
  await apply(
    ...controlPlaneWebhooks.map(({ serviceName }) => ({
      apiVersion: "cert-manager.io/v1",
      kind: "Certificate",
      metadata: { name: serviceName, namespace: "linkerd" },
    })),
  );
});
after(removeSandbox);

interface Step {
  readonly op: string;
  readonly urn: string;
  /** The engine's own look at a provider knows no details. */
  readonly detailedDiff: Readonly<Record<string, unknown>> | null;
  readonly diffReasons?: readonly string[];
}

test("the preview changes nothing but what the CHANGELOG names", async () => {
  const { steps, changeSummary } = JSON.parse(await pulumi("preview", "--json")) as {
    steps: readonly Step[];
    changeSummary: Record<string, number>;
  };
  assert.deepEqual(changeSummary, { same: 19, update: 9, create: 1 });
  const changes = steps
    .filter(({ op }) => op !== "same")
    .map(({ op, urn, detailedDiff, diffReasons }) => [
      op,
      urn.split("::").at(-1),
      detailedDiff ? Object.keys(detailedDiff).sort() : diffReasons,
    ]);
  const annotations = [
    "metadata.annotations.linkerd-rotating-tls/awaits",
    'metadata.annotations["pulumi.com/waitFor"]',
  ];
  assert.deepEqual(changes.sort(), [
    ["create", "installation", undefined],
    ["update", "kubernetes", ["version"]],
    ["update", "linkerd-cert-manager", ["values.config"]],
    ["update", "linkerd-cert-manager-namespace", ["metadata.labels"]],
    ["update", "linkerd-control-plane-linkerd-policy-validator", annotations],
    ["update", "linkerd-control-plane-linkerd-proxy-injector", annotations],
    ["update", "linkerd-control-plane-linkerd-sp-validator", annotations],
    ...controlPlaneWebhooks
      .map(({ serviceName }) => ["update", `linkerd-webhooks-${serviceName}`, ["spec.renewBefore"]])
      .sort(),
  ]);
});
