/**
 * `npm run test:guardrails`: a mesh whose every run of Pulumi asks the policy pack, with all of its rules mandatory, also the runs that
 * this program's commands make. What is good goes through; what is bad is refused there, so that the pack has really been asked.
 */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { Finding } from "../../rules/finding.ts";
import { emergencyAnnotation } from "../../rules/guard/policy.ts";
import { until } from "../../sandbox/until.ts";
import { commandBlocks } from "../docs/commandBlocks.ts";
import { listObjectsOfSettledCluster } from "../objects.ts";
import { createReader, removeReader, statusOfReader } from "../operations/status/reader.ts";
import {
  destroy,
  environment,
  execute,
  kubectl,
  operation,
  projectDirectory,
  pulumi,
  refused,
  removeSandbox,
  renew,
  run,
  set,
  soundCredentials,
  startSandbox,
  temporaryFolder,
  unset,
  up,
  upChangesNothing,
} from "../stack.ts";
import { loseState } from "./adoption.ts";
import { installOperatorDefinitions } from "./operatorDefinitions.ts";

const folder = temporaryFolder();
/** With it, every rule only tells. */
const development = join(projectDirectory, "policy/development.json");
let objectsBefore: string[];

before(async () => {
  await startSandbox();
  await installOperatorDefinitions();
  objectsBefore = await listObjectsOfSettledCluster();
  // Readers confirm what they have seen.
  environment.PULUMI_SKIP_CONFIRMATIONS = "true";
  // So that every proxy renews within a minute, and a rotation ends.
  await set("issuanceLifetime", "60s");
  await set("clockSkewAllowance", "10s");
  const variable = "PULUMI_OPTION_POLICY_PACK";
  const said = await run("bash", "-c", `${scriptWith(`export ${variable}=`)}\nprintenv ${variable}`);
  environment[variable] = said.trim();
});
after(removeSandbox);

/** The commands of the page in which that stands. */
function scriptWith(command: string): string {
  const { script } = commandBlocks("docs/guardrails.md").find(
    (block) =>
      block.remark === "run by test/onRequest/guardrails.cluster.test.ts" && block.script.includes(command),
  )!;
  return `set -e -o pipefail\n${script}`;
}

/** The pack has been asked, and had nothing to say. */
function agreed(said: string): void {
  assert.match(said, /✅ linkerd-rotating-tls@v/);
  assert.doesNotMatch(said, /❌|\[(mandatory|advisory)\]/);
}

/** Runs a command that applies the stack, and must succeed. */
async function applies(...[name, ...options]: Parameters<typeof operation>): Promise<void> {
  const { code, stdout, stderr } = await operation(name, ...options);
  assert.equal(code, 0, stdout + stderr);
  agreed(stdout + stderr);
}

test("a first installation goes through, and one whose charts make certificates does not", async () => {
  await set("rotateWebhookCredentials", "false");
  const said = await refused("up");
  assert.match(said, /\[mandatory\] +chart-credentials /);
  assert.match(said, /is not true: the chart makes that webhook's certificate itself/);
  await unset("rotateWebhookCredentials");
  agreed(await pulumi("preview"));
  agreed(await up());
  await soundCredentials();
});

test("so does a run that changes nothing, one that changes a value of a chart, and a refresh", async () => {
  agreed(await upChangesNothing());
  await set("linkerdControlPlaneValues.controllerLogLevel", "debug");
  agreed(await up());
  agreed(await up("--refresh"));
});

test("so does a look at a preview", async () => {
  const file = join(folder, "preview.json");
  writeFileSync(file, await pulumi("preview", "--json"));
  const { code, stdout, stderr } = await execute(process.execPath, ["operations/review/review.ts", file]);
  assert.equal(code, 0, stdout + stderr);
  assert.match(stdout, /no resource of this stack would change/);
});

test("so do the guard of the credentials and the alerts", async () => {
  await set("guardCredentials", "true");
  await set("installAlerts", "true");
  agreed(await up());
  await soundCredentials();
});

test("so does a renewal", async () => {
  await renew();
});

test("so does a rotation, also one that is taken back", async () => {
  await applies("rotate", "begin", "--yes");
  await applies("rotate", "abort", "--yes");
  await applies("rotate", "begin", "--yes");
  await applies("rotate", "finish", "--yes");
  await until("the gates to open", 8 * 60_000, async () => {
    const { stdout } = await operation("rotate", "plan", "--json");
    const { stage, next } = JSON.parse(stdout);
    assert.equal(stage, "alone");
    return next.isOpen || stdout;
  });
  await applies("rotate", "finish", "--yes");
  agreed(await upChangesNothing());
  await soundCredentials();
});

test("so does a recovery", async () => {
  const issuer = ["issuer/linkerd-trust-anchor-2", "--namespace=linkerd"];
  await kubectl("annotate", ...issuer, `${emergencyAnnotation}=test of the policy pack`);
  // Until it is over, whoever has the documented rights sees it.
  await createReader();
  const { stdout } = await statusOfReader("--json");
  const { problems, unseen } = JSON.parse(stdout);
  assert.deepEqual(
    problems.map(({ rule, field }: Finding) => `${rule}: ${field}`),
    ["guard-emergency: Issuer linkerd/linkerd-trust-anchor-2"],
  );
  assert.deepEqual(unseen, []);
  await removeReader();
  await kubectl("delete", ...issuer);
  await applies("recover", "--yes");
  agreed(await upChangesNothing());
  await soundCredentials();
});

test("the mesh is destroyed by the page's commands, and not without them", async () => {
  await set("protectTrustAnchors", "false");
  assert.match(await refused("up"), /\[mandatory\] +anchor-protected /);
  await unset("protectTrustAnchors");
  assert.match(await run("bash", "-c", scriptWith("pulumi destroy")), /\[advisory\] +anchor-protected /);
  await unset("protectTrustAnchors");
  assert.deepEqual(await listObjectsOfSettledCluster(), objectsBefore);
});

test("a mesh whose charts make the webhooks' certificates is taken to cert-manager's", async () => {
  for (const key of ["trustAnchorGenerations", "signingGeneration", "guardCredentials", "installAlerts"])
    await unset(key);
  await set("rotateWebhookCredentials", "false");
  await up("--policy-pack-config", development);
  await set("rotateWebhookCredentials", "true");
  agreed(await up());
  await soundCredentials();
});

test("what a stack has installed whose state is lost is adopted", async () => {
  await loseState();
  await applies("adopt", "--yes");
  agreed(await upChangesNothing());
  await set("protectTrustAnchors", "false");
  await up("--policy-pack-config", development);
  await destroy();
});
