import assert from "node:assert/strict";
import { test } from "node:test";
import { clusterAnchorObstacles, clusterAnchorSettings } from "../../../operations/adopt/clusterAnchor.ts";
import type { FoundIssuer } from "../../../operations/adopt/find.ts";
import type { ClusterAnchor } from "../../../operations/adopt/findClusterAnchor.ts";

/** As Linkerd's documentation has it. */
const documented: ClusterAnchor = {
  namespace: "cert-manager",
  isReady: true,
  secretName: "linkerd-trust-anchor",
  duration: "8760h0m0s",
  renewBefore: "7320h0m0s",
  hasBundle: true,
  hasPreviousKey: true,
};

const issuer: FoundIssuer = {
  by: "certificate",
  name: "linkerd-identity-issuer",
  isReady: true,
  issuerRef: { group: "cert-manager.io", kind: "ClusterIssuer", name: "linkerd-identity-issuer" },
};

const settings = (anchor: ClusterAnchor) =>
  Object.assign({}, ...clusterAnchorSettings(anchor).map((choice) => choice.settings));

test("the anchor keeps its duration, and gets a renewBefore at which nothing breaks before its end", () => {
  assert.deepEqual(settings(documented), {
    trustAnchorSource: "cluster",
    installTrustManager: false,
    clusterTrustAnchorDuration: "8760h0m0s",
  });
  const [, lifetimes] = clusterAnchorSettings(documented);
  assert.match(
    lifetimes!.why,
    /cert-manager would replace it 7320h0m0s before its end.*now it does 168h before/,
  );
});

test("a renewBefore that may stay stays, and so does a namespace of another name", () => {
  const sound = { ...documented, namespace: "pki", duration: "87600h", renewBefore: "240h" };
  assert.deepEqual(settings(sound), {
    trustAnchorSource: "cluster",
    certManagerNamespace: "pki",
    installTrustManager: false,
    clusterTrustAnchorDuration: "87600h",
    clusterTrustAnchorRenewBefore: "240h",
  });
});

test("what the documentation has is no obstacle; each part that is otherwise is one", () => {
  const found = (anchor: ClusterAnchor | undefined, signer: FoundIssuer | undefined = issuer) =>
    clusterAnchorObstacles({ namespace: "linkerd", issuer: signer }, anchor).map(
      ({ subject, message }) => `${subject}: ${message}`,
    );
  assert.deepEqual(found(documented), []);
  assert.match(
    found(undefined).join("\n"),
    /^ConfigMap linkerd\/linkerd-identity-trust-roots: .* no Certificate linkerd-trust-anchor, and no Bundle/,
  );
  assert.match(
    found({ ...documented, hasBundle: false }).join("\n"),
    /there is no Bundle linkerd-identity-trust-roots\.$/,
  );
  assert.match(
    found({ ...documented, isReady: false }).join("\n"),
    /^Certificate cert-manager\/\S+ It is not Ready/,
  );
  assert.match(
    found({ ...documented, secretName: "root" }).join("\n"),
    /^Certificate \S+ Its Secret is called root/,
  );
  const other: FoundIssuer = { ...issuer, issuerRef: { ...issuer.issuerRef, kind: "Issuer" } };
  for (const signer of [other, { by: "hand", scheme: "", certificatePem: "", privateKeyPem: "" } as const]) {
    assert.match(
      found(documented, signer).join("\n"),
      /is not signed by ClusterIssuer linkerd-identity-issuer/,
    );
  }
});
