import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type ClusterAnchorLifetimes,
  checkClusterAnchorLifetimes,
} from "../../../rules/lifetimes/clusterTrustAnchor.ts";

const sound: ClusterAnchorLifetimes = {
  clusterTrustAnchorDuration: "87600h",
  clusterTrustAnchorRenewBefore: "168h",
  issuerDuration: "48h",
  issuanceLifetime: "24h",
  clockSkewAllowance: "20s",
};

const rulesOf = (changed: ClusterAnchorLifetimes) =>
  checkClusterAnchorLifetimes({ ...sound, ...changed }).map(({ rule, field }) => `${field}: ${rule}`);

const early = "clusterTrustAnchorRenewBefore: anchor-renewal";
const late = "clusterTrustAnchorRenewBefore: anchor-outlives-issuer";

test("an anchor lives, and is replaced by cert-manager at the very end", () => {
  assert.deepEqual(rulesOf({}), []);
});

test("the lifetimes of Linkerd's documentation are refused, with the reason", () => {
  const [finding, ...others] = checkClusterAnchorLifetimes({
    ...sound,
    clusterTrustAnchorDuration: "8760h",
    clusterTrustAnchorRenewBefore: "7320h",
  });
  assert.equal(finding?.rule, "anchor-renewal");
  assert.match(finding.message, /^7320h of clusterTrustAnchorDuration \(8760h\): .* 60 days after/);
  assert.match(finding.message, /IssuerUpdateSkipped/);
  assert.deepEqual(others, []);
});

test("each bound holds to the second", () => {
  for (const [changed, rules] of [
    [{ clusterTrustAnchorRenewBefore: "72h20s" }, [late]],
    [{ clusterTrustAnchorRenewBefore: "72h21s" }, []],
    [{ clusterTrustAnchorRenewBefore: "720h" }, []],
    [{ clusterTrustAnchorRenewBefore: "720h1s" }, [early]],
    [{ clusterTrustAnchorDuration: "8928h" }, []],
    [{ clusterTrustAnchorDuration: "8927h59m59s" }, [early]],
    [{ issuerDuration: "144h" }, [late]],
    [{ issuerDuration: "143h" }, []],
    [{ clusterTrustAnchorDuration: "100h", clusterTrustAnchorRenewBefore: "200h" }, [early]],
    [{ clusterTrustAnchorDuration: "long" }, ["clusterTrustAnchorDuration: duration-syntax"]],
    [{ clusterTrustAnchorRenewBefore: "short" }, ["clusterTrustAnchorRenewBefore: duration-syntax"]],
    [{ issuerDuration: "two days" }, []],
    [{ issuerDuration: undefined }, []],
  ] as const) {
    assert.deepEqual(rulesOf(changed), rules, JSON.stringify(changed));
  }
});
