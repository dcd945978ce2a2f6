import assert from "node:assert/strict";
import { test } from "node:test";
import { checkLifetimes } from "../../../rules/lifetimes/identityIssuer.ts";

const sound = {
  duration: "87600h",
  renewBefore: "168h",
  issuerDuration: "48h",
  issuanceLifetime: "24h",
  clockSkewAllowance: "20s",
};

const check = (changed: { readonly [Name in keyof typeof sound]?: string | undefined }) => {
  const { issuerDuration, issuanceLifetime, clockSkewAllowance, ...anchor } = { ...sound, ...changed };
  const issuer = { duration: issuerDuration, issuanceLifetime, clockSkewAllowance };
  return [...checkLifetimes(issuer, anchor)];
};
const rulesOf = (changed: Parameters<typeof check>[0]) =>
  check(changed).map(({ rule, field }) => `${field}: ${rule}`);

const early = "trustAnchor.renewBefore: anchor-renewal";
const late = "trustAnchor.renewBefore: anchor-outlives-issuer";

test("an anchor lives, and is replaced by cert-manager at the very end", () => {
  assert.deepEqual(rulesOf({}), []);
});

test("the lifetimes of Linkerd's documentation are refused, with the reason", () => {
  const [finding, ...others] = check({ duration: "8760h", renewBefore: "7320h" });
  assert.equal(finding?.rule, "anchor-renewal");
  assert.match(finding.message, /^With 7320h of trustAnchor\.duration \(8760h\), .* 60 days after/);
  assert.match(finding.message, /IssuerUpdateSkipped/);
  assert.deepEqual(others, []);
});

test("an anchor of that documentation is kept with another renewBefore alone", () => {
  for (const renewBefore of ["168h", "720h"])
    assert.deepEqual(rulesOf({ duration: "8760h", renewBefore }), []);
});

test("each bound holds to the second", () => {
  for (const [changed, rules] of [
    [{ renewBefore: "72h20s" }, [late]],
    [{ renewBefore: "72h21s" }, []],
    [{ renewBefore: "720h" }, []],
    [{ renewBefore: "720h1s" }, [early]],
    [{ duration: "8208h" }, []],
    [{ duration: "8207h59m59s" }, [early]],
    [{ issuerDuration: "144h" }, [late]],
    [{ issuerDuration: "143h" }, []],
    [{ duration: "100h", renewBefore: "200h" }, [early]],
    [{ duration: "long" }, ["trustAnchor.duration: duration-syntax"]],
    [{ renewBefore: "short" }, ["trustAnchor.renewBefore: duration-syntax"]],
    [{ issuerDuration: "two days" }, ["identityIssuer.duration: duration-syntax"]],
    [{ issuerDuration: undefined }, []],
    [{ renewBefore: undefined, duration: "72h20s" }, ["trustAnchor.duration: anchor-outlives-issuer"]],
    [{ renewBefore: undefined, duration: "72h21s" }, []],
  ] as const) {
    assert.deepEqual(rulesOf(changed), rules, JSON.stringify(changed));
  }
});
