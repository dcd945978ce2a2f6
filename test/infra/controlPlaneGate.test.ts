import assert from "node:assert/strict";
import { test } from "node:test";
import { checkIssuerOf } from "../../infra/controlPlaneGate.ts";
import type { Kubectl } from "../../infra/interruptedReleases.ts";
import { authority } from "../operations/fabricate.ts";

const holding =
  (chain: string): Kubectl =>
  async (...args) => {
    assert.ok(!args.join(" ").includes("tls.key"), "the key is not read");
    return Buffer.from(chain).toString("base64");
  };

const release = (bundle: string) => ({
  name: "linkerd-control-plane",
  namespace: "linkerd",
  values: { identityTrustAnchorsPEM: bundle },
});

const root = await authority({ commonName: "root.linkerd.cluster.local" });
const pem = root.certificate.toString();

test("an authority that an anchor has signed passes", () => checkIssuerOf(holding(pem), release(pem)));

test("an authority that leads to no anchor is refused", async () => {
  const stranger = await authority({ commonName: "stranger" });
  await assert.rejects(
    checkIssuerOf(holding(stranger.certificate.toString()), release(pem)),
    /Secret linkerd\/linkerd-identity-issuer: .*leads to no trust anchor/,
  );
});

test("a Secret without certificate is refused", () =>
  assert.rejects(checkIssuerOf(holding(""), release(pem)), /holds no certificate in PEM/));

test("another release, and a cluster that cannot be asked, are no reason to stop", async () => {
  await checkIssuerOf(holding(""), { ...release(pem), name: "linkerd-crds" });
  await checkIssuerOf(() => Promise.reject(new Error("spawn kubectl ENOENT")), release(pem));
});
