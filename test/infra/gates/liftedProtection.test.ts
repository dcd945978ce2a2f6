import assert from "node:assert/strict";
import { test } from "node:test";
import { resolve } from "../../../components/rotatingLinkerdArgs.ts";
import { argumentsOf, inConfiguration } from "../../../infra/config.ts";
import { requireLifted } from "../../../infra/gates/liftedProtection.ts";
import { authority } from "../../certificates.ts";
import type { Values } from "../../configured.ts";
import { startApiServer } from "../../mesh/apiServer.ts";

const api = await startApiServer();
const anchors = await Promise.all(
  ["root", "root-2"].map((name) => authority({ commonName: `${name}.linkerd.cluster.local` })),
);
const text = anchors.map(({ certificate }) => certificate.toString().trimEnd()).join("\n");
const running = {
  "/api/v1/namespaces/linkerd/configmaps/linkerd-identity-trust-roots": { data: { "ca-bundle.crt": text } },
};

let exported = 0;
/** Looks at a mesh with both generations, of which the state protects these. */
function look(values: Values, ...guarded: string[]): Promise<void> {
  api.objects = running;
  exported = 0;
  const type = "linkerd-rotating-tls:index:TrustAnchor";
  const resources = ["linkerd-trust-anchor", "linkerd-trust-anchor-2"].map((name) => ({
    urn: `urn:pulumi:dev::x::linkerd-rotating-tls:index:RotatingLinkerd$${type}::${name}`,
    type,
    protect: guarded.includes(name),
  }));
  return requireLifted(
    Promise.resolve(api.cluster),
    resolve(argumentsOf(values)),
    inConfiguration,
    async () => {
      exported++;
      return JSON.stringify({ deployment: { resources } });
    },
  );
}

const leaving = { trustAnchorGenerations: [2], signingGeneration: 2, protectTrustAnchors: false };

test("an anchor goes only if a run before has lifted its protection", async () => {
  await assert.rejects(
    look(leaving, "linkerd-trust-anchor"),
    /trustAnchorGenerations: \[2\] would take "root\.linkerd\.cluster\.local" .*protectTrustAnchors was true in the run before/,
  );
  await look(leaving, "linkerd-trust-anchor-2");
  await look(leaving);
  assert.equal(exported, 1);
});

test("the state is read only if an anchor goes, and where it cannot be read, Pulumi has the last word", async () => {
  await look({ ...leaving, trustAnchorGenerations: [1, 2] }, "linkerd-trust-anchor");
  await look({ ...leaving, protectTrustAnchors: true }, "linkerd-trust-anchor");
  assert.equal(exported, 0);
  api.objects = running;
  const unreadable = () => Promise.reject(new Error("pulumi is not on PATH"));
  const cluster = Promise.resolve(api.cluster);
  await requireLifted(cluster, resolve(argumentsOf(leaving)), inConfiguration, unreadable);
  await requireLifted(
    Promise.reject(new Error("no kubeconfig")),
    resolve(argumentsOf(leaving)),
    inConfiguration,
  );
});
