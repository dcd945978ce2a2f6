/** `pulumi up` is killed at five points of an installation; each time, running it again goes on. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { ensureStack } from "../../sandbox/environment.ts";
import {
  execute,
  pulumi,
  removeSandbox,
  sandboxName,
  soundCredentials,
  startSandbox,
  up,
  upChangesNothing,
} from "../stack.ts";

before(() => startSandbox());
after(removeSandbox);

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
