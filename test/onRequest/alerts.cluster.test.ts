/**
 * `npm run test:alerts`: a real Prometheus scrapes a mesh by the PodMonitors of the charts while its credentials fail, one
 * failure after the other: each alert fires in its own, and none in a mesh that is right; and each query of the dashboard has
 * data. Alerts that have to hold for minutes or hours, hold for seconds here: test/rules/alerts has their times.
 */
import assert from "node:assert/strict";
import { createPrivateKey, KeyObject, type webcrypto, X509Certificate } from "node:crypto";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, suite, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { resolve } from "../../components/rotatingLinkerdArgs.ts";
import { alertGroups } from "../../rules/alerts/groups.ts";
import { rows } from "../../rules/alerts/panels.ts";
import { alertSettings } from "../../rules/alerts/settings.ts";
import { until } from "../../sandbox/until.ts";
import { authority, hoursFromNow, keysOf, leaf } from "../certificates.ts";
import { commandBlocks } from "../docs/commandBlocks.ts";
import { createReader } from "../operations/status/reader.ts";
import { blindIdentity, inLinkerd, openShop, refuseByCaBundle } from "../operations/status/shop.ts";
import {
  environment,
  kubectl,
  operation,
  projectDirectory,
  refused,
  removeSandbox,
  run,
  set,
  startSandbox,
  temporaryFolder,
  up,
  upChangesNothing,
} from "../stack.ts";
import { makeRoot, readBundle, restartControlPlane, setBundle, setIssuer, takeOver } from "./anchorByHand.ts";
import { installOperatorDefinitions } from "./operatorDefinitions.ts";
import { Prometheus } from "./prometheus.ts";

const minute = 60_000;
/** A look of `status`, a scrape, an evaluation, and ten seconds that it has to hold; on a busy machine. */
const noticeMilliseconds = 4 * minute;

let prometheus: Prometheus;
/** Every alert that has fired in a failure of its own. */
const seen = new Set<string>();

before(async () => {
  await startSandbox("prometheus");
  await set("issuanceLifetime", "120s");
  await set("clockSkewAllowance", "10s");
  await set("installAlerts", "true");
});
after(async () => {
  await prometheus?.stop();
  await removeSandbox();
});

/** Waits until these alerts have fired, each at some time. */
async function fire(...names: readonly string[]): Promise<void> {
  const waiting = new Set(names);
  await until(`${names.join(", ")} to fire`, noticeMilliseconds, async () => {
    const firing = await prometheus.alerts("firing");
    for (const name of firing) if (waiting.delete(name)) seen.add(name);
    return (
      waiting.size === 0 || `${[...waiting].join(", ")} did not; ${firing.join(", ") || "nothing"} fires`
    );
  });
}

/** Waits until nothing fires, and nothing is about to. */
const quiet = () =>
  until("no alert to fire", 2 * noticeMilliseconds, async () => {
    const alerts = await prometheus.alerts();
    if (alerts.length > 0) return alerts.join(", ");
    // Rules that have been read anew begin with no alert.
    await pause(15_000);
    return (await prometheus.alerts()).length === 0;
  });

/** Every query of the dashboard has data, but for what these names are of. */
async function panelsHaveData(isRotating = false): Promise<void> {
  const panels = rows.flatMap(({ panels: own }) => own);
  for (const { title, queries, onlyIn } of panels) {
    for (const { expression } of queries) {
      const samples = await prometheus.query(expression);
      assert.equal(samples.length > 0, onlyIn === undefined || isRotating, `${title}: ${expression}`);
    }
  }
}

/** How many lines the page has for each graph of its history, and how many values they have in all. */
function drawnIn(page: string): Map<string, readonly [lines: number, values: number]> {
  const figures = page.matchAll(/<figure><figcaption><b>(.*?)<\/b>.*?<\/figure>/gs);
  return new Map(
    Array.from(figures, ([figure, title]) => {
      const [chart = ""] = /<svg [^>]*role="img".*?<\/svg>/.exec(figure) ?? [];
      const lines = Array.from(chart.matchAll(/class="line [^>]* d="([^"]*)"/g), ([, path]) => path!);
      // Each value is a place to begin at, or one to go to.
      return [title!, [lines.length, lines.join("").match(/[ML]/g)?.length ?? 0]];
    }),
  );
}

/** The page has a line for each graph that has something to show in a healthy hour. */
function assertDrawn(page: string, leastValues: number): void {
  const drawn = drawnIn(page);
  const graphs = rows.flatMap(({ panels }) => panels.filter(({ kind }) => kind === "timeseries"));
  assert.deepEqual([...drawn.keys()].sort(), graphs.map(({ title }) => title).sort());
  for (const { title, queries, onlyIn } of graphs) {
    const [lines, values] = drawn.get(title)!;
    if (onlyIn !== undefined) assert.equal(lines, 0, title);
    else assert.ok(lines >= queries.length && values >= leastValues, `${title}: ${lines}, ${values}`);
  }
}

/** On a busy machine the cluster may not answer in time: what is typed again goes on. */
const recover = () =>
  until("the mesh to be recovered", 10 * minute, async () => {
    const { code, stdout, stderr } = await operation("recover", "--yes");
    return code === 0 || stdout + stderr;
  });

async function secretOf(name: string): Promise<Record<string, string>> {
  const { data } = JSON.parse(await kubectl("get", "secret", name, inLinkerd, "--output=json"));
  return Object.fromEntries(
    Object.entries<string>(data).map(([key, value]) => [key, Buffer.from(value, "base64").toString()]),
  );
}

/** What a Secret holds, to sign with. */
async function signerIn(name: string) {
  const { "tls.crt": certificate, "tls.key": key } = await secretOf(name);
  const p256 = { name: "ECDSA", namedCurve: "P-256" };
  return {
    certificate: new X509Certificate(certificate!),
    privateKey: createPrivateKey(key!).toCryptoKey(p256, true, ["sign"]) as webcrypto.CryptoKey,
  };
}

async function patch(object: readonly string[], content: object): Promise<void> {
  const file = join(temporaryFolder(), "patch.json");
  writeFileSync(file, JSON.stringify(content), { mode: 0o600 });
  await kubectl("patch", ...object, inLinkerd, "--type=merge", `--patch-file=${file}`);
}

/** Has a Certificate ask an issuer that is not there, which cannot renew it; gives what takes it back. */
async function unsign(certificate: string): Promise<() => Promise<void>> {
  const object = ["certificates.cert-manager.io", certificate];
  const { spec } = JSON.parse(await kubectl("get", ...object, inLinkerd, "--output=json"));
  await patch(object, { spec: { issuerRef: { name: "not-there" } } });
  return () => patch(object, { spec: { issuerRef: spec.issuerRef } });
}

const scale = async (deployment: string, namespace: string, replicas: number) => {
  const name = `deployment/${deployment}`;
  await kubectl("scale", name, `--namespace=${namespace}`, `--replicas=${replicas}`);
  await kubectl("rollout", "status", name, `--namespace=${namespace}`, "--timeout=120s");
};

const pem = (key: webcrypto.CryptoKey) =>
  KeyObject.from(key).export({ format: "pem", type: "pkcs8" }).toString();

test("without the Prometheus Operator's definitions, the preview says so", async () => {
  assert.match(
    await refused("preview"),
    /installAlerts: The cluster lacks podmonitors\.monitoring\.coreos\.com and prometheusrules\.monitoring/,
  );
  await installOperatorDefinitions();
});

test("with them, the alerts, the dashboard and the charts' PodMonitors are installed", async () => {
  await up();
  await upChangesNothing();
  await openShop();
  await createReader();
  const monitors = await kubectl("get", "podmonitors", "--all-namespaces", "--output=name");
  assert.deepEqual(monitors.trim().split("\n").sort(), [
    "podmonitor.monitoring.coreos.com/cert-manager",
    "podmonitor.monitoring.coreos.com/linkerd-controller",
    "podmonitor.monitoring.coreos.com/linkerd-proxy",
    "podmonitor.monitoring.coreos.com/linkerd-service-mirror",
  ]);
  const selected = ["configmaps", inLinkerd, "--selector=grafana_dashboard=1"];
  const { items } = JSON.parse(await kubectl("get", ...selected, "--output=json"));
  const [text] = Object.values<string>(items[0].data);
  const queries = JSON.parse(text!).panels.flatMap(({ targets = [] }) =>
    targets.map(({ expr }: { expr: string }) => expr),
  );
  assert.deepEqual(
    queries,
    rows.flatMap(({ panels }) =>
      panels.flatMap((panel) => panel.queries.map(({ expression }) => expression)),
    ),
  );
});

test("as long as nobody scrapes and nobody looks, that is what is told", async () => {
  prometheus = await Prometheus.start();
  await fire(
    "LinkerdStatusMissing",
    "LinkerdIdentityMetricsMissing",
    "LinkerdProxyMetricsMissing",
    "LinkerdCertManagerMetricsMissing",
  );
});

test("a mesh that is right has data for every panel, and no alert fires", async () => {
  await prometheus.scrape();
  await quiet();
  for (const _ of Array(12)) {
    assert.deepEqual(await prometheus.alerts("firing"), []);
    await pause(10_000);
  }
  await panelsHaveData();
});

test("the page of status draws the same history, by the commands of docs/alerts.md and docs/status.md", async () => {
  const scripts = ["docs/alerts.md", "docs/status.md"]
    .flatMap(commandBlocks)
    .filter(({ remark }) => remark === "run by test/onRequest/alerts.cluster.test.ts")
    .map(({ script }) => script);
  assert.equal(scripts.length, 2);
  const page = join(projectDirectory, "status.html");
  environment.PROMETHEUS_URL = prometheus.url;
  try {
    for (const script of scripts) {
      await run("bash", "-c", `set -e -o pipefail\n${script}`);
      // Of minutes, a day's steps have one value at least.
      assertDrawn(readFileSync(page, "utf8"), 1);
      rmSync(page);
    }
    // Every 12 seconds, of two minutes in which nothing fired.
    const inHour = ["--html", page, "--prometheus-url", prometheus.url, "--history-hours", "1"];
    assert.equal((await operation("status", ...inHour)).code, 0);
    assertDrawn(readFileSync(page, "utf8"), 8);

    // Nobody listens there.
    const { code, stderr } = await operation(
      "status",
      "--html",
      page,
      "--prometheus-url",
      "http://127.0.0.1:2",
    );
    assert.equal(code, 0, stderr);
    assert.match(
      stderr,
      /^Not all of the history is had from http:\/\/127\.0\.0\.1:2\/: It cannot be reached: /m,
    );
    assert.match(readFileSync(page, "utf8"), /<section class="warning"><b>http:\/\/127\.0\.0\.1:2\/</);
  } finally {
    rmSync(page, { force: true });
  }
});

suite("It is told that", () => {
  test("the issuer and a webhook's certificate are not renewed, and then have ended with every leaf", async () => {
    const issuer = "linkerd-identity-issuer";
    const webhook = "linkerd-sp-validator";
    const [anchor, webhooks] = [await signerIn("linkerd-trust-anchor"), await signerIn("webhook-issuer-tls")];
    const restore = [await unsign(issuer), await unsign(webhook)];
    // As if each had been issued ten minutes ago, and were to be renewed about now.
    const life = { notBefore: hoursFromNow(-10 / 60), notAfter: new Date(Date.now() + 6 * minute) };
    const [issuing, serving] = [await keysOf(), await keysOf()];
    const short = await authority({
      ...{ commonName: "identity.linkerd.cluster.local", signer: anchor, keys: issuing },
      ...life,
    });
    const served = await leaf({
      ...{ commonName: `${webhook}.linkerd.svc`, signer: webhooks, publicKey: serving.publicKey },
      ...life,
    });
    for (const [name, certificate, { privateKey }] of [
      [issuer, short.certificate, issuing],
      [`${webhook}-k8s-tls`, served, serving],
    ] as const) {
      await patch(["secret", name], {
        stringData: { "tls.crt": certificate.toString(), "tls.key": pem(privateKey) },
      });
    }
    await fire("LinkerdCertificateNotReady", "LinkerdStatusFindsProblem");
    await fire("LinkerdIssuerNotRenewed", "LinkerdWebhookCertificateNotRenewed");
    await panelsHaveData();
    await fire("LinkerdIssuerLastRetries");
    await fire("LinkerdLeavesEndWithIssuer");
    await fire("LinkerdLeafNotRefreshed");
    await fire("LinkerdLeafEnded", "LinkerdIssuerValidationFailed");
    for (const back of restore) await back();
    await recover();
    await quiet();
  });

  test("an identity controller has missed a renewal", async () => {
    await blindIdentity();
    await fire("LinkerdIssuerNotLoaded");
    await panelsHaveData();
    await kubectl("rollout", "restart", inLinkerd, "deployment/linkerd-identity");
    await quiet();
  });

  test("identity refuses the issuer that is stored, and cert-manager is gone", async () => {
    await scale("cert-manager", "cert-manager", 0);
    await setIssuer(await makeRoot("another root"));
    await fire("LinkerdIssuerUpdateSkipped", "LinkerdCertManagerMetricsMissing");
    await scale("cert-manager", "cert-manager", 1);
    await recover();
    await quiet();
  });

  test("identity is down", async () => {
    await scale("linkerd-identity", "linkerd", 0);
    await fire("LinkerdIdentityMetricsMissing");
    await scale("linkerd-identity", "linkerd", 1);
    await recover();
    await quiet();
  });

  test("a webhook is not trusted", async () => {
    const restore = await refuseByCaBundle();
    await fire("LinkerdWebhookNotTrusted");
    await restore();
    await quiet();
  });

  test("an anchor of the bundle ends in twenty days", async () => {
    const bundle = await readBundle();
    const { certificate } = await authority({
      ...{ commonName: "company root", notBefore: hoursFromNow(-9600), notAfter: hoursFromNow(24 * 20) },
    });
    await setBundle(bundle, certificate.toString());
    await fire("LinkerdTrustAnchorEnds", "LinkerdTrustAnchorEndsSoon", "LinkerdTrustAnchorEndsVerySoon");
    await setBundle(bundle);
    await quiet();
  });

  test("proxies refuse the certificates that they get, and then hold none of the mesh's anchors", async () => {
    const root = await makeRoot("another root");
    await setBundle(await readBundle(), root.pem);
    await restartControlPlane();
    await takeOver();
    // As long as identity's own proxy has one that they accept, they get others, and count those that they refuse.
    await kubectl("rollout", "restart", inLinkerd, "deployment/linkerd-identity");
    await kubectl("rollout", "status", inLinkerd, "deployment/linkerd-identity", "--timeout=120s");
    await setIssuer(root);
    await fire("LinkerdPodsRefuseIssuer", "LinkerdLeafRefreshFails");
    await setBundle(root.pem);
    await fire("LinkerdPodsStale");
    await recover();
    await quiet();
  });

  test("a rotation stands still, and its deadline nears", async () => {
    const { code, stdout, stderr } = await operation("rotate", "begin", "--yes");
    assert.equal(code, 0, stdout + stderr);
    // A third of an hour, and of thirty years, for what is ten minutes old and ends in ten years.
    for (const [allowance, name] of [
      ["1m", "LinkerdRotationStandsStill"],
      ["262800h", "LinkerdRotationDeadlineNears"],
    ] as const) {
      await set("trustAnchorRotationAllowance", allowance);
      await up();
      await prometheus.scrape();
      await fire(name);
    }
    await panelsHaveData(true);
    const finished = await operation("rotate", "finish", "--restart", "--yes");
    assert.equal(finished.code, 0, finished.stdout + finished.stderr);
    await quiet();
  });
});

test("every alert has fired in a failure of its own", () => {
  const known = {
    namespace: "linkerd",
    issuerDuration: "48h",
    issuerRenewBefore: "25h",
    issuanceLifetime: "120s",
  };
  const settings = alertSettings(resolve({}), { ...known, rotationAllowance: "2160h" });
  const names = alertGroups(settings).flatMap(({ alerts }) => alerts.map(({ name }) => name));
  assert.deepEqual(
    names.filter((name) => !seen.has(name)),
    [],
  );
});
