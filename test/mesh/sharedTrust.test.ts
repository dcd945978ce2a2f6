import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { readSharedTrust, type SharedTrust } from "../../mesh/sharedTrust.ts";
import { statusJson } from "../../operations/status/json.ts";
import { statusTable } from "../../operations/status/table.ts";
import { joinBundle } from "../../rules/credentials/bundle.ts";
import { authority, hoursFromNow, now, parsed } from "../certificates.ts";
import { soundStatus } from "../operations/status/soundStatus.ts";
import { Refusal, startApiServer } from "./apiServer.ts";

const api = await startApiServer();
const mesh = { ...api.cluster, namespace: "linkerd" };
const localPath = "/api/v1/namespaces/linkerd/configmaps/linkerd-identity-trust-roots-local";
const linksPath = "/apis/multicluster.linkerd.io/v1alpha3/links";

const { status: sound, anchor, anchors } = await soundStatus();
/** Of another cluster, which numbers its generations as this one does. */
const theirs = await authority({ commonName: anchor.commonName, notAfter: hoursFromNow(9000) });
const text = (...roots: (typeof theirs)[]) => joinBundle(roots.map(({ certificate }) => String(certificate)));

const link = (name: string, status?: object) => ({
  metadata: { name, namespace: "linkerd-multicluster" },
  spec: { targetClusterName: `the-${name}` },
  ...(status && { status }),
});

const read = async () => {
  const forbidden: string[] = [];
  const sharedTrust = await readSharedTrust(mesh, (reason) => forbidden.push(reason));
  return { sharedTrust, forbidden };
};

async function described(): Promise<string[]> {
  const { sharedTrust } = await read();
  const lines = statusTable({ ...sound, sharedTrust }, []).split("\n");
  return lines.filter((line) => /this cluster's own|\(Link /.test(line)).map((line) => line.trim());
}

suite("Whose anchors are whose", () => {
  test("is not said where nothing says it: without multicluster, or with Links that do not", async () => {
    api.objects = {};
    assert.deepEqual(await read(), { sharedTrust: undefined, forbidden: [] });
    api.objects = { [linksPath]: { items: [link("east"), link("west", { mirrorServices: [] })] } };
    assert.deepEqual(await read(), { sharedTrust: undefined, forbidden: [] });
    assert.doesNotMatch(statusTable(sound, []), /cluster's own|Link /);
  });

  test("is told of this cluster and of each linked one, by name and key", async () => {
    const both = {
      targetClusterLocalTrustRoots: text(theirs),
      targetClusterFullTrustRoots: text(anchor, theirs),
      lastSyncedTime: hoursFromNow(-2).toISOString(),
    };
    const alone = { targetClusterLocalTrustRoots: "", targetClusterFullTrustRoots: text(theirs) };
    api.objects = {
      [localPath]: { data: { "ca-bundle.crt": text(anchor) } },
      [linksPath]: { items: [link("east", { trustRoots: both }), link("west", { trustRoots: alone })] },
    };
    const foreign = `root.linkerd.cluster.local (${parsed(theirs.certificate).x509.fingerprint256.slice(0, 17)}), which is not of this mesh`;
    assert.deepEqual(await described(), [
      "of this cluster's own: generation 1",
      `cluster the-east (Link linkerd-multicluster/east, 2 h 0 min ago) trusts generation 1, ${foreign}; of its own: ${foreign}`,
      `cluster the-west (Link linkerd-multicluster/west) trusts ${foreign}; does not trust generation 1, which signs here`,
    ]);
    const { sharedTrust } = await read();
    const shown = JSON.parse(statusJson({ ...sound, sharedTrust }, [])).sharedTrust;
    assert.equal(shown.own[0].generation, 1);
    assert.deepEqual(
      shown.linked.map(
        ({ cluster, anchors: held, own }: { cluster: string; anchors: object[]; own?: object[] }) => [
          cluster,
          held.length,
          own?.length,
        ],
      ),
      [
        ["the-east", 2, 1],
        ["the-west", 1, undefined],
      ],
    );
  });

  test("may be hidden from this user, who is told so", async () => {
    api.objects = {
      [localPath]: new Refusal(403, "configmaps is forbidden"),
      [linksPath]: new Refusal(403, "links is forbidden"),
    };
    const { sharedTrust, forbidden } = await read();
    assert.equal(sharedTrust, undefined);
    assert.deepEqual(forbidden.sort(), [
      "ConfigMap linkerd/linkerd-identity-trust-roots-local: configmaps is forbidden (HTTP 403).",
      "links.multicluster.linkerd.io of every namespace: links is forbidden (HTTP 403).",
    ]);
  });

  test("is told of a cluster that trusts nothing that can be read", () => {
    const linked = [{ cluster: "east", link: { namespace: "mc", name: "east" }, bundle: [], readAt: now }];
    const sharedTrust: SharedTrust = { own: anchors, linked };
    assert.match(statusTable({ ...sound, sharedTrust }, []), /cluster east .* trusts none; does not trust/);
  });
});
