/** `pulumi up` is killed at five points of an installation; each time, running it again goes on. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { ensureStack } from "../../sandbox/environment.ts";
import { reset } from "../../sandbox/lifecycle.ts";
import { execute, sandboxName, succeed, testSandbox } from "./sandbox.ts";

let environment: NodeJS.ProcessEnv;

before(async () => {
  await reset(sandboxName, console.log);
  environment = await testSandbox();
});

after(() => reset(sandboxName, console.log));

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
    const result = await execute(environment, "pulumi", ["up", "--yes", "--skip-preview"], (text, kill) => {
      seen += text;
      if (killed || !line.test(seen)) return;
      killed = true;
      kill();
    });
    assert.ok(killed, `the line ${line} did not appear:\n${result.stdout}${result.stderr}`);
    assert.notEqual(result.code, 0);
    // A killed engine cannot take its lock back: npm start does, and anyone else runs `pulumi cancel`.
    await ensureStack(sandboxName, console.log);
  });
}

test("running it again converges, and then nothing changes any more", async () => {
  await succeed(environment, "pulumi", "up", "--yes", "--skip-preview");
  await succeed(environment, "pulumi", "up", "--yes", "--skip-preview", "--expect-no-changes");
  await succeed(environment, "pulumi", "refresh", "--yes", "--skip-preview", "--expect-no-changes");
  await succeed(environment, process.execPath, "operations/credentials/credentials.ts");
});
