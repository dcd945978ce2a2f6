/**
 * `npm run test:review`: makes what is in test/operations/review/goldens anew, on a mesh in the sandbox. What is another
 * than before, `git diff` shows: certificates are, each time.
 */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { commentOn, listGoldens, reduced, writeGolden } from "../operations/review/goldens.ts";
import {
  environment,
  execute,
  pulumi,
  removeSandbox,
  run,
  sandboxName,
  set,
  startSandbox,
  temporaryFolder,
  unset,
  up,
} from "../stack.ts";

/** Of a cluster that nobody listens for. Without a way to log in, the Kubernetes provider would ask its user for one. */
const unreachable = join(temporaryFolder(), "kubeconfig");
const noCluster = { ...environment, KUBECONFIG: unreachable };
const folder = `.sandbox/${sandboxName}`;

before(async () => {
  await startSandbox();
  const kubeconfig = {
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: "none", cluster: { server: "https://127.0.0.1:59999" } }],
    users: [{ name: "nobody", user: { token: "none" } }],
    contexts: [{ name: "none", context: { cluster: "none", user: "nobody" } }],
    "current-context": "none",
  };
  writeFileSync(unreachable, JSON.stringify(kubeconfig));
});
after(removeSandbox);

const made = new Set<string>();

/** Keeps a preview of the stack as it is set, and its comment. */
async function keep(golden: string, isRefused = false, env = environment): Promise<void> {
  const [{ code, stdout, stderr }, check] = await Promise.all([
    execute("pulumi", ["preview", "--json"], undefined, env),
    execute(process.execPath, ["operations/check/check.ts", "--json"], undefined, env),
  ]);
  assert.equal(code !== 0, isRefused, stdout + stderr);
  // Where the sandbox keeps its charts.
  const portable = (text: string) =>
    text.replaceAll(`${folder}/charts`, "charts").replaceAll(folder, "charts");
  writeGolden(golden, "preview.json", portable(reduced(stdout)));
  writeGolden(golden, "check.json", portable(check.stdout));
  writeGolden(golden, "md", commentOn(golden));
  made.add(golden);
}

const keepRefused = (golden: string) => keep(golden, true);

/** Keeps the preview of some settings, and sets back what they were. */
async function keepWith(
  settings: Readonly<Record<string, string>>,
  keepIt: () => Promise<void>,
): Promise<void> {
  for (const [key, value] of Object.entries(settings)) await set(key, value);
  await keepIt();
  for (const key of new Set(Object.keys(settings).map((path) => path.split(/[.[]/)[0]!))) await unset(key);
}

/** The control plane's chart as a later version of itself; its path, and that of the one before. */
async function laterChart() {
  const settings = JSON.parse(await pulumi("config", "--json"));
  const chart: string = settings["linkerd-rotating-tls:linkerdControlPlaneChart"].value;
  const name = "linkerd-control-plane";
  const script = `cd ${folder} && tar xzf ../../${chart} && sed -i 's/^version: .*/version: 1.13.2-edge/' ${name}/Chart.yaml && tar czf ${name}-1.13.2-edge.tgz ${name}`;
  await run("bash", "-c", script);
  return { chart, later: `./${folder}/${name}-1.13.2-edge.tgz` };
}

test("before the installation", async () => {
  await set("rotateWebhookCredentials", "false");
  await keep("install-unreachable", false, noCluster);
  await keep("install");
  await keepWith({ issuerDuration: "24h" }, () => keepRefused("refused-setting"));
});

test("with the chart's own webhooks", async () => {
  await up();
  await unset("rotateWebhookCredentials");
  await keep("webhooks-on");
});

test("with a mesh that runs", async () => {
  await up();
  await keep("nothing");
  await keepWith({ rotateWebhookCredentials: "false" }, () => keep("webhooks-off"));
  await keepWith({ issuerDuration: "72h" }, async () => {
    await keep("lifetime");
    await keep("lifetime-unreachable", false, noCluster);
  });
  await keepWith({ "linkerdControlPlaneValues.controllerLogLevel": "debug" }, () => keep("values"));
  await keepWith({ "certManagerValues.replicaCount": "2" }, () => keep("cert-manager"));
  await keepWith({ trustDomain: "other.local" }, () => keepRefused("refused-trust-domain"));
  const company = { "identityIssuerRef.name": "company", "identityIssuerRef.kind": "ClusterIssuer" };
  await keepWith(company, () => keep("other-issuer"));
  await keepWith({ identityIssuerSource: "secret" }, () => keep("other-writer"));
  const { chart, later } = await laterChart();
  await set("linkerdControlPlaneChart", later);
  await keep("upgrade");
  // As the sandbox has none.
  await set("linkerdControlPlaneChart", `./${folder}/linkerd-control-plane-1.13.3-edge.tgz`);
  await keepRefused("failed");
  await set("linkerdControlPlaneChart", chart);
});

test("through a rotation", async () => {
  await set("trustAnchorGenerations[0]", "1");
  await set("trustAnchorGenerations[1]", "2");
  const alone = { signingGeneration: "2", crossSignTrustAnchors: "false" };
  await keepWith(alone, () => keepRefused("refused-signer"));
  await keep("anchor-joins");
  await keepWith({ protectTrustAnchors: "false" }, () => keep("anchor-unprotected"));
  await set("signingGeneration", "2");
  await keep("anchor-joins-and-signs");
  await up();
  await set("crossSignTrustAnchors", "false");
  await keep("anchor-signs-alone");
  await unset("crossSignTrustAnchors");
  await unset("trustAnchorGenerations");
  await keepWith({ "trustAnchorGenerations[0]": "2" }, () => keepRefused("refused-anchor"));
  await set("trustAnchorGenerations[0]", "1");
  await set("trustAnchorGenerations[1]", "2");
  await set("crossSignTrustAnchors", "false");
  await up();
  await unset("trustAnchorGenerations");
  await keepWith({ "trustAnchorGenerations[0]": "2" }, () => keep("anchor-leaves"));
});

test("each that is there is made", () => assert.deepEqual([...made].sort(), listGoldens().sort()));
