/** `pulumi up` is killed at five points of an installation, and once outlived by its provider; running it again goes on. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { ensureStack } from "../../sandbox/environment.ts";
import { until } from "../../sandbox/until.ts";
import {
  connectTo,
  destroy,
  execute,
  pulumi,
  removeSandbox,
  sandboxName,
  soundCredentials,
  startSandbox,
  up,
  upChangesNothing,
} from "../stack.ts";
import { holdCreations } from "./heldCreations.ts";

before(() => startSandbox());
after(removeSandbox);

test("a provider that outlives its pulumi writes Helm's record after the next run has looked for it", async () => {
  const [namespace, name] = ["cert-manager", "sh.helm.release.v1.cert-manager.v1"];
  const cluster = connectTo(namespace);
  const held = await holdCreations(cluster, namespace, name);
  try {
    const outlived = held.next();
    const { code } = await execute("pulumi", ["up", "--yes", "--skip-preview"], (_, kill) => {
      outlived.then(kill);
    });
    assert.equal(code, null, "pulumi was killed");
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
    await held.remove();
  }
  await upChangesNothing();
  await soundCredentials();
  await destroy();
});

/** Lines of `pulumi up` at which it is killed, in the order of the installation. */
const points: readonly [string, RegExp][] = [
  ["while cert-manager is being installed", /Release .*cert-manager creating/],
  ["while the trust anchor's key is being made", /PrivateKey .* creat/],
  ["while the Issuer is awaited", /cert-manager\.io\/v1:Issuer .* creating/],
  ["while the Certificate is awaited", /cert-manager\.io\/v1:Certificate .* creating/],
  ["while the control plane is being installed", /Release .*control-plane creating/],
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

test("running it again converges, and then nothing changes any more", async () => {
  await up();
  await upChangesNothing();
  await pulumi("refresh", "--yes", "--skip-preview", "--expect-no-changes");
  await soundCredentials();
});
