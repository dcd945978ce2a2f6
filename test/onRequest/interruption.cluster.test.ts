/** `pulumi up` is killed at five points of an installation, the last time outlived by its provider; running it again goes on. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { ensureStack } from "../../sandbox/environment.ts";
import { until } from "../../sandbox/until.ts";
import {
  connectTo,
  environment,
  execute,
  pulumi,
  removeSandbox,
  sandboxName,
  soundCredentials,
  startSandbox,
  temporaryFolder,
  up,
  upChangesNothing,
} from "../stack.ts";
import { holdCreations } from "./heldCreations.ts";

before(() => startSandbox());
after(removeSandbox);

/** Lines of `pulumi up` at which it is killed, in the order of the installation. */
const points: readonly [string, RegExp][] = [
  ["while cert-manager is being installed", /Release .*cert-manager creating/],
  ["while the trust anchor's key is being made", /PrivateKey .* creat/],
  ["while the Issuer is awaited", /cert-manager\.io\/v1:Issuer .* creating/],
  ["while the Certificate is awaited", /cert-manager\.io\/v1:Certificate .* creating/],
];

for (const [title, line] of points) {
  test(`killed ${title}`, async () => {
    let killed = false;
    let seen = "";
    const { code } = await execute("pulumi", ["up", "--yes", "--skip-preview"], (text, kill) => {
      seen += text;
      if (killed || !line.test(seen)) return;
      killed = true;
      kill();
    });
    assert.ok(killed, `the line ${line} did not appear:\n${seen}`);
    assert.notEqual(code, 0);
    // A killed engine cannot take its lock back: npm start does, and anyone else runs `pulumi cancel`.
    await ensureStack(sandboxName, console.log);
  });
}

test("killed while the control plane is being installed, which its provider does after the next run has looked", async () => {
  const [namespace, name] = ["linkerd", "sh.helm.release.v1.linkerd-control-plane.v1"];
  const cluster = connectTo(namespace);
  const file = join(temporaryFolder(), "kubeconfig");
  const held = await holdCreations(cluster, name, file);
  const { KUBECONFIG } = environment;
  environment.KUBECONFIG = file;
  try {
    const outlived = held.next();
    const { code, stdout, stderr } = await execute("pulumi", ["up", "--yes", "--skip-preview"], (_, kill) => {
      outlived.then(kill);
    });
    assert.equal(code, null, stdout + stderr);
    await ensureStack(sandboxName, console.log);
    const running = up();
    const admitOwn = await Promise.race([held.next(), running.then((said) => assert.fail(said))]);
    (await outlived)();
    await until("the record of the first provider", 10_000, () =>
      cluster.core.readNamespacedSecret({ namespace, name }).then(
        () => true,
        ({ message }: Error) => message,
      ),
    );
    admitOwn();
    assert.match(await running, /retrying create due to on-error hook request/);
  } finally {
    environment.KUBECONFIG = KUBECONFIG;
    held.stop();
  }
});

test("running it again converges, and then nothing changes any more", async () => {
  await up();
  await upChangesNothing();
  await pulumi("refresh", "--yes", "--skip-preview", "--expect-no-changes");
  await soundCredentials();
});
