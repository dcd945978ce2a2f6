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
import {
  environment,
  kubectl,
  pulumi,
  removeSandbox,
  sandboxName,
  startSandbox,
  temporaryFolder,
} from "../stack.ts";

const folder = temporaryFolder();

before(async () => {
  await startSandbox();
  const state = readFileSync(new URL("takeover.json", import.meta.url), "utf8");
  const { deployment, ...rest } = JSON.parse(
    state.replaceAll(".sandbox/before/", `.sandbox/${sandboxName}/`),
  );
  const { encryptionsalt: salt } = parse(readFileSync(environment.PULUMI_OPTION_CONFIG_FILE!, "utf8"));
  // This stack's own, by which the state is encrypted as it is imported.
  const provider = { type: "passphrase", state: { salt } };
  const file = join(folder, "state.json");
  writeFileSync(
    file,
    JSON.stringify({ ...rest, deployment: { ...deployment, secrets_providers: provider } }),
  );
  await pulumi("stack", "import", "--file", file);
  // What is going to be changed is asked of the API server in a dry run, and so it must be there.
  const items = controlPlaneWebhooks.map(({ configuration: { kind, name } }) => ({
    apiVersion: "admissionregistration.k8s.io/v1",
    kind: `${kind}WebhookConfiguration`,
    metadata: { name },
  }));
  const objects = join(folder, "objects.json");
  writeFileSync(objects, JSON.stringify({ apiVersion: "v1", kind: "List", items }));
  await kubectl("apply", "--filename", objects);
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
  assert.deepEqual(changeSummary, { same: 24, update: 4 });
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
    ["update", "kubernetes", ["version"]],
    ["update", "linkerd-control-plane-linkerd-policy-validator", annotations],
    ["update", "linkerd-control-plane-linkerd-proxy-injector", annotations],
    ["update", "linkerd-control-plane-linkerd-sp-validator", annotations],
  ]);
});
