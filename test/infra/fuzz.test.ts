/** Whatever a stack's configuration says, it is told in findings: nothing crashes, and nothing of it reaches a terminal raw. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { test } from "node:test";
import * as fc from "fast-check";
import { parse } from "yaml";
import { configurationOf, types } from "../../infra/config.ts";
import { assertWellFormed } from "../rules/wellFormed.ts";

const configurations = 10_000;

const { name: project, config } = parse(
  readFileSync(resolve(import.meta.dirname, "../../Pulumi.yaml"), "utf8"),
) as { name: string; config: Record<string, { default: unknown }> };

const textOf = (value: unknown) => (typeof value === "object" ? JSON.stringify(value) : String(value));

/** Values that some setting takes, and some that come near. */
const plausible = fc.constantFrom(
  ...Object.values(config).map((declared) => textOf(declared.default)),
  ..."48h 59m30s 0 0s -1h 1d 999999999h 1 2 -0 1.5 1e400 99999999999999999999 true cluster secret".split(" "),
  ..."mesh.example linkerd2 ./linkerd2-2.9.0.tgz ../.tgz oci:// oci://a/b http://x 2.11.0 1.2.3-x".split(" "),
  ...["[1,2]", "[2,1]", "[1,null]", '["1"]', "[[1]]", "null", '{"__proto__":{"a":1}}', '{"then":1}'],
);

/** Names of the parts that settings which are objects have, and some of Helm values. */
const partNames = (
  "name kind group server path caBundlePem namespace auth kubernetes role mountPath serviceAccount appRole roleId secretRef key " +
  "tokenSecretRef certificateFile certificatePem privateKeyFile privateKeyPem 1 2 ( x secure identity issuer scheme tls " +
  "externalCA global proxy podAnnotations app trust crds enabled keep clusterResourceNamespace installNamespace cniEnabled"
).split(" ");
const leaf = fc.oneof(
  fc.constantFrom(
    "a",
    "",
    "https://vault.example",
    "pki/root/sign-intermediate",
    "Issuer",
    "cert-manager.io",
    "/dev",
    "package.json",
    "\u0000",
  ),
  fc.constant(null),
  fc.constantFrom(0, 1.5, true, false, [], ["a"]),
  fc.constant({ secure: "v1:x" }),
);
const { tree } = fc.letrec<{ tree: unknown }>((tie) => ({
  tree: fc.oneof(
    { depthSize: "medium", maxDepth: 5 },
    { weight: 2, arbitrary: leaf },
    {
      weight: 3,
      arbitrary: fc.dictionary(fc.constantFrom(...partNames), tie("tree"), {
        maxKeys: 4,
        noNullPrototype: true,
      }),
    },
  ),
}));
const vaultIssuer = fc.record(
  {
    server: fc.oneof(
      { weight: 4, arbitrary: fc.constant("https://vault.example") },
      { weight: 1, arbitrary: leaf },
    ),
    path: fc.oneof(
      { weight: 4, arbitrary: fc.constant("pki/root/sign-intermediate") },
      { weight: 1, arbitrary: leaf },
    ),
    auth: fc.oneof(
      tree,
      fc.dictionary(fc.constantFrom("kubernetes", "appRole", "tokenSecretRef"), tree, { maxKeys: 1 }),
    ),
  },
  { requiredKeys: [] },
);
const objects = fc
  .oneof({ weight: 3, arbitrary: tree }, { weight: 2, arbitrary: vaultIssuer })
  .map((value) => JSON.stringify(value));

/** A terminal would obey the first three; the last is half a character. */
const controls = fc.constantFrom("\n", "\u001b[2J", "\u009b31m", "\u0000", "\u202e", "\u2028", "\ud800");
const huge = fc.constantFrom(
  "9".repeat(10_000),
  "a".repeat(100_000),
  `${"[".repeat(9_000)}${"]".repeat(9_000)}`,
  `${'{"a":'.repeat(9_000)}1${"}".repeat(9_000)}`,
);

const text = fc.oneof(
  { weight: 8, arbitrary: plausible },
  { weight: 2, arbitrary: fc.string({ unit: "binary" }) },
  { weight: 2, arbitrary: fc.json() },
  {
    weight: 3,
    arbitrary: fc.tuple(plausible, controls, fc.nat()).map(([value, control, at]) => {
      const place = at % (value.length + 1);
      return value.slice(0, place) + control + value.slice(place);
    }),
  },
  { weight: 1, arbitrary: fc.object({ maxDepth: 3 }).map((value) => textOf(value)) },
);
const setting = (known: string) =>
  fc.oneof(
    { weight: 300, arbitrary: text },
    ...(types[known as keyof typeof types]?.name === "object" ? [{ weight: 600, arbitrary: objects }] : []),
    { weight: 20, arbitrary: fc.constant(undefined) },
    { weight: 1, arbitrary: huge },
  );
/** More often, since there is more in them that can be wrong. */
const objectNames = Object.entries(types)
  .filter(([, type]) => type.name === "object")
  .map(([name]) => name);
const known = fc
  .constantFrom(...Object.keys(types), ...objectNames, ...objectNames)
  .chain((name) => fc.tuple(fc.constant(`${project}:${name}`), setting(name)));
const unknown = fc.tuple(
  fc
    .tuple(
      fc.constantFrom("", "kubernetes:", "a:b:", `${project}:`),
      fc.oneof(fc.string({ unit: "binary" }), controls),
    )
    .map((parts) => parts.join("")),
  setting(""),
);
const stack = fc.record({
  texts: fc
    .array(fc.oneof({ weight: 30, arbitrary: known }, { weight: 1, arbitrary: unknown }), { maxLength: 5 })
    .map((entries) => Object.fromEntries(entries)),
  secret: fc.nat(9).map((tenth) => tenth === 0),
});

test(`${configurations} random configurations: each is read, or refused by findings that can be shown`, () => {
  let refused = 0;
  fc.assert(
    fc.property(stack, ({ texts, secret }) => {
      const { findings } = configurationOf({ project, texts, isSecret: () => secret });
      findings.forEach(assertWellFormed);
      if (findings.length > 0) refused++;
    }),
    { numRuns: configurations },
  );
  assert.ok(refused > configurations / 2 && refused < configurations, `${refused} were refused`);
});

/** Values, each of which is a single mistake for the settings that do not take it, whatever else is installed. */
const mistakes =
  '0 x -1 1.5 0s 1s 5m 999999h 30h A_B [] [2] {"a":1} true false secret 1.2.3 ../x.tgz oci://a/b 2'.split(
    " ",
  );
const everything = { installLinkerdCni: "true", installLinkerdViz: "true", installAlerts: "true" };

test("one mistake in a sound configuration is one finding", () => {
  const defaults = Object.fromEntries(
    Object.entries(config).map(([key, declared]) => [key, textOf(declared.default)]),
  );
  const fieldsAfter = (changes: object, now?: Date) => {
    const entries = Object.entries({ ...defaults, ...changes }).map(([key, value]) => [
      `${project}:${key}`,
      textOf(value),
    ]);
    const stack = { project, texts: Object.fromEntries(entries), isSecret: () => false };
    return configurationOf(stack, now).findings.map(({ rule, field }) => `${rule} ${field}`);
  };
  for (const key of Object.keys(types)) {
    for (const value of mistakes) {
      // An object of parts may lack several of them.
      if (key === "vaultIssuer" && value.includes("a")) continue;
      for (const more of [{}, everything]) {
        const findings = fieldsAfter({ ...more, [key]: value });
        assert.ok(findings.length <= 1, `${key}: ${value} → ${findings.join("; ")}`);
      }
    }
  }
  assert.deepEqual(fieldsAfter({ ...everything, helmTimeoutSeconds: 0 }), [
    "helm-timeout helmTimeoutSeconds",
  ]);
  const provided = (anchor: unknown) => fieldsAfter({ providedTrustAnchors: { 1: anchor } });
  const certificate = "file-readable providedTrustAnchors.1.certificateFile";
  const key = "file-readable providedTrustAnchors.1.privateKeyFile";
  assert.deepEqual(provided({ certificateFile: "/not/there", privateKeyFile: "/nor/this" }), [
    certificate,
    key,
  ]);
  assert.deepEqual(provided({ certificateFile: "/not/there" }), [certificate]);
  assert.deepEqual(provided({ privateKeyFile: "/not/there" }), [key]);
  assert.deepEqual(provided({ certificateFile: 5 }), [
    "setting-parts providedTrustAnchors.1.certificateFile",
  ]);
  const strange = { "(": { certificateFile: "/not/there" } };
  assert.match(fieldsAfter({ providedTrustAnchors: strange })[0]!, /^file-readable providedTrustAnchors\.\(/);
  assert.deepEqual(provided("x"), ["setting-parts providedTrustAnchors.1"]);
  // What cannot be read has no consequences, though its default would.
  const unread = { trustAnchorGenerations: "one", signingGeneration: 2 };
  assert.deepEqual(fieldsAfter(unread), ["setting-type trustAnchorGenerations"]);
});
