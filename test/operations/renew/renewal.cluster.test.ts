/** The commands that read a live cluster, on a real mesh: what they prove, and what they say where it is not right. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { after, afterEach, before, suite, test } from "node:test";
import { CoreV1Api } from "@kubernetes/client-node";
import { until } from "../../../sandbox/until.ts";
import {
  type CommandResult,
  connectTo,
  environment,
  execute,
  kubeConfig,
  kubectl,
  operation,
  projectDirectory,
  removeSandbox,
  renew,
  set,
  soundCredentials,
  startSandbox,
  unset,
  up,
} from "../../stack.ts";

before(async () => {
  await startSandbox();
  await up();
});
after(removeSandbox);

/** Every test leaves a mesh that is right. */
afterEach(async () => {
  await run("status", 0);
});

async function run(command: "status" | "renew", exitCode: number, ...args: string[]): Promise<CommandResult> {
  const result = await operation(command, ...args);
  assert.equal(result.code, exitCode, result.stdout + result.stderr);
  return result;
}

const loaded = async () => (await soundCredentials()).loaded;
const inLinkerd = (...args: string[]) => kubectl("--namespace=linkerd", ...args);
const rolledOut = (deployment: string) =>
  inLinkerd("rollout", "status", `deploy/${deployment}`, "--timeout=60s");

async function storedSerialNumber(): Promise<string> {
  const core = kubeConfig().makeApiClient(CoreV1Api);
  const secret = await core.readNamespacedSecret({ name: "linkerd-identity-issuer", namespace: "linkerd" });
  return new X509Certificate(Buffer.from(secret.data!["tls.crt"]!, "base64")).serialNumber.toLowerCase();
}

suite("A renewal", () => {
  test("is complete once a Certify call's chain ends in the new issuer, and IssuerUpdated is on record", async () => {
    const previous = await storedSerialNumber();
    const { evidence, issuer } = await renew();
    const steps = ["asked", "requested", "approved", "signed", "stored", "ready", "reloaded", "loaded"];
    assert.deepEqual(evidence.map(({ step }) => step).sort(), steps.sort());
    assert.notEqual(issuer.serialNumber, previous);
    assert.equal(issuer.serialNumber, await storedSerialNumber());
    assert.deepEqual(
      (await loaded()).map((controller) => controller.issuer?.serialNumber),
      [issuer.serialNumber],
    );
  });

  test("shows its evidence to people as it comes, and no token", async () => {
    const { stdout, stderr } = await run("renew", 0);
    const lines = stdout.trimEnd().split("\n");
    assert.match(lines[0]!, /^ +\d\.\d s {2}asked cert-manager to renew/);
    assert.ok(lines.some((line) => line.includes("event IssuerUpdated")));
    assert.match(lines.at(-1)!, /^Renewed: /);
    assert.doesNotMatch(stdout + stderr, /eyJ/, "the beginning of a ServiceAccount token");
  });

  test("beside another one ends with the same issuer loaded", async () => {
    await Promise.all([renew(), renew()]);
    assert.equal((await loaded())[0]?.issuer?.serialNumber, await storedSerialNumber());
  });

  test("that is interrupted goes on in the cluster, and another one completes", async () => {
    const child = spawn(process.execPath, ["operations/renew/renew.ts"], {
      cwd: projectDirectory,
      env: environment,
      stdio: ["ignore", "pipe", "pipe"],
    });
    await once(child.stdout, "data");
    child.kill("SIGINT");
    const [message] = await once(child.stderr.setEncoding("utf8"), "data");
    assert.match(message, /^Interrupted\. The renewal goes on in the cluster/);
    assert.deepEqual(await once(child, "exit"), [130, null]);
    await renew();
  });

  test("says that cert-manager does not answer; the next one joins what was asked for", async () => {
    const scale = (replicas: number) =>
      kubectl("scale", "deploy/cert-manager", "-n=cert-manager", `--replicas=${replicas}`);
    const pods = ["pod", "-n=cert-manager", "--selector=app.kubernetes.io/name=cert-manager"];
    await scale(0);
    let scaledUp: Promise<unknown> | undefined;
    try {
      await kubectl("wait", ...pods, "--for=delete", "--timeout=60s");
      const { stdout } = await run("renew", 2, "--timeout=5s");
      assert.match(stdout, /Waited .* for a CertificateRequest .* seen: Issuing=True \(ManuallyTriggered/);
      assert.match(stdout, /Fix: Is cert-manager running\?/);
      const status = await run("status", 2);
      assert.match(
        status.stdout,
        /Problem: Deployment cert-manager\/cert-manager: cert-manager's controller is not running/,
      );
      const joining = await execute(process.execPath, ["operations/renew/renew.ts"], () => {
        scaledUp ??= scale(1);
      });
      assert.equal(joining.code, 0, joining.stdout + joining.stderr);
      assert.match(joining.stdout, /cert-manager is issuing already \(ManuallyTriggered\)/);
    } finally {
      await (scaledUp ?? scale(1));
    }
  });

  test("asks every one of several identity controllers", async () => {
    await inLinkerd("scale", "deploy/linkerd-identity", "--replicas=2");
    await rolledOut("linkerd-identity");
    const { issuer } = await renew();
    const serialNumbers = (await loaded()).map((controller) => controller.issuer?.serialNumber);
    assert.deepEqual(serialNumbers, [issuer.serialNumber, issuer.serialNumber]);
    await inLinkerd("scale", "deploy/linkerd-identity", "--replicas=1");
  });
});

test("The next issuer is signed by someone else's, if the settings refer to it", async () => {
  await inLinkerd("apply", "--filename=test/operations/renew/byHand.yaml");
  await set("identityIssuerRef.name", "by-hand");
  await up();
  await renew();
  const signer = ["certificate/linkerd-identity-issuer", "--output=jsonpath={.spec.issuerRef.name}"];
  assert.equal(await inLinkerd("get", ...signer), "by-hand");
  await unset("identityIssuerRef");
  await up();
  await renew();
  await inLinkerd("delete", "--filename=test/operations/renew/byHand.yaml");
});

suite("What is not right is named, with its reason and the fix:", () => {
  test("an issuer that the controller refuses", async () => {
    await inLinkerd("apply", "--filename=test/operations/renew/stranger.yaml");
    await inLinkerd("wait", "certificate/stranger", "--for=condition=Ready", "--timeout=60s");
    const signWith = (issuer: string) =>
      inLinkerd(
        "patch",
        "certificate/linkerd-identity-issuer",
        "--type=merge",
        `--patch={"spec":{"issuerRef":{"name":"${issuer}"}}}`,
      );
    await signWith("stranger");
    try {
      const { stdout } = await run("renew", 2, "--timeout=60s");
      assert.match(stdout, /IssuerUpdateSkipped: .*x509: certificate signed by unknown authority/);
      assert.match(stdout, /kubectl -n linkerd rollout restart deploy\/linkerd-identity/);
      const status = await run("status", 2);
      assert.match(
        status.stdout,
        /Problem: Secret linkerd\/linkerd-identity-issuer, tls\.crt: .* leads to no trust anchor/,
      );
      assert.match(status.stdout, /Problem: .* has loaded issuer .*, which it refused: .*unknown authority/);
    } finally {
      await signWith("linkerd-trust-anchor");
      await inLinkerd("delete", "--filename=test/operations/renew/stranger.yaml");
      await inLinkerd("delete", "secret", "stranger");
    }
    await renew();
  });

  test("a controller that misses its reload", async () => {
    // The kubelet never updates what is mounted by subPath, so the controller sees no change.
    await inLinkerd(
      "patch",
      "deploy/linkerd-identity",
      "--patch-file=test/operations/renew/withoutReload.yaml",
    );
    await rolledOut("linkerd-identity");
    const { stdout } = await run("renew", 2, "--timeout=10s");
    assert.match(stdout, /for the identity controllers to load the new issuer; seen: .* still signs with/);
    const restart = /Fix: .*kubectl -n linkerd rollout restart deploy\/linkerd-identity/;
    assert.match(stdout, restart);
    const status = await run("status", 2);
    assert.match(status.stdout, /Problem: .* has loaded issuer .*, but Secret .* holds/);
    assert.match(status.stdout, restart);
    await inLinkerd("rollout", "undo", "deploy/linkerd-identity");
    await rolledOut("linkerd-identity");
  });

  test("a trust anchor's Secret that is gone, and the advice brings it back", async () => {
    await inLinkerd("delete", "secret", "linkerd-trust-anchor");
    const { stdout } = await run("status", 2);
    assert.match(
      stdout,
      /Problem: Secret linkerd\/linkerd-trust-anchor: The Secret does not exist, .*\n.*Fix: .*pulumi up --refresh/,
    );
    await until("cert-manager to say that the issuer is not ready", 30_000, async () => {
      const shown = await operation("status");
      return /Issuer linkerd\/linkerd-trust-anchor: not Ready/.test(shown.stdout) || shown.stdout;
    });
    await up("--refresh");
    await inLinkerd("wait", "issuer/linkerd-trust-anchor", "--for=condition=Ready", "--timeout=60s");
  });

  test("cert-manager that is not on the cluster", async () => {
    const { apps, namespace } = connectTo("cert-manager");
    const { items } = await apps.listNamespacedDeployment({ namespace });
    await kubectl("delete", "deploy", "-n=cert-manager", "--all");
    try {
      const { stdout } = await run("status", 2);
      assert.match(stdout, /\ncert-manager: not on the cluster\n/);
      assert.match(stdout, /Problem: cert-manager: cert-manager is not on the cluster/);
    } finally {
      for (const { metadata, spec } of items) {
        const { name, labels, annotations } = metadata!;
        const body = { metadata: { name: name!, labels: labels!, annotations: annotations! }, spec: spec! };
        await apps.createNamespacedDeployment({ namespace, body });
      }
      await kubectl(
        "wait",
        "deploy",
        "-n=cert-manager",
        "--all",
        "--for=condition=Available",
        "--timeout=60s",
      );
    }
  });

  test("a mesh that is not there", async () => {
    for (const command of ["status", "renew"] as const) {
      const { stderr } = await run(command, 2, "--namespace=elsewhere");
      assert.match(stderr, /elsewhere.*--namespace/);
      assert.match((await run(command, 2, "--context=elsewhere")).stderr, /Context "elsewhere" is not in/);
    }
  });
});
