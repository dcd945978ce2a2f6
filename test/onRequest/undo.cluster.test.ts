/**
 * `npm run test:undo`: a proxy that cannot renew its certificate after the first half of `rotate finish`, since its pod says of
 * itself what is not so. Its leaf has to live for long enough that there is time for an update once it is overdue.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { listMeshedPods } from "../../mesh/meshedPods.ts";
import { readLeaves } from "../../mesh/proxyLeaf.ts";
import { until } from "../../sandbox/until.ts";
import { loadNamespace, podOf, pretendToHold, restartWorkloads, startMeshUnderLoad } from "../meshLoad.ts";
import { connectTo, operation, removeSandbox } from "../stack.ts";

before(() => startMeshUnderLoad("300s", { simulated: 1, running: 2 }));
after(removeSandbox);

/** Runs a command of the rotation, which must end with that exit code. */
async function rotate(command: string, expected: number) {
  const result = await operation("rotate", command, "--yes");
  assert.equal(result.code, expected, result.stdout + result.stderr);
  return result.stdout + result.stderr;
}

test("a proxy that cannot renew has the older generation vouch again, and is named", async () => {
  await rotate("begin", 0);
  const holder = await podOf("running-0");
  await restartWorkloads("running-1", "simulated-0");
  // The pod that was not restarted says of itself what others hold.
  await pretendToHold(holder, "running-1");

  const said = await rotate("finish", 1);
  assert.match(said, /generation 2 signs alone, a proxy fails to renew the certificate:/);
  assert.match(
    said,
    new RegExp(`${loadNamespace}/${holder}: (\\d+ renewals? failed|its renewal is overdue)`),
  );
  assert.match(said, /generation 2 signs, and generation 1 vouches for it/);
  const mesh = connectTo("linkerd");
  await until("the proxy to renew its certificate again", 120_000, async () => {
    const pods = (await listMeshedPods(mesh)).filter(({ name }) => name === holder);
    const [answer] = await readLeaves(mesh, "cluster.local", pods);
    const end = answer!.leaf?.x509.validToDate;
    return (end !== undefined && end.getTime() > Date.now() + 200_000) || `${end ?? answer!.failure}`;
  });
});

test("what was taken back is not begun again by a scheduler", async () => {
  const { code, stdout } = await operation("rotate", "run");
  assert.equal(code, 1);
  assert.match(stdout, /crossSignTrustAnchors: true stands in the stack's file/);
});
