import assert from "node:assert/strict";
import { test } from "node:test";
import * as pulumi from "@pulumi/pulumi";
import * as fc from "fast-check";
import { argumentsOf, type Configuration, readConfiguration, types } from "../../infra/config.ts";
import { findingsOf } from "../configured.ts";
import { record, resolved, type StackSettings } from "../registrations.ts";

/** The configuration that is read, or the message with which it is refused. */
async function read(settings: StackSettings): Promise<Configuration | string> {
  const { result } = await record(() => {
    try {
      return { read: readConfiguration() };
    } catch (error) {
      assert.ok(pulumi.RunError.isInstance(error), String(error));
      return { read: error.message };
    }
  }, settings);
  return result.read;
}

async function accepted(settings: StackSettings): Promise<Configuration> {
  const configuration = await read(settings);
  assert.ok(typeof configuration !== "string", String(configuration));
  return configuration;
}

test("a stack that sets nothing sets nothing", async () => {
  assert.deepEqual(await accepted({}), { linkerd: {}, kubeconfig: undefined, kubeContext: undefined });
});

test("each type is read from the engine's text", async () => {
  const { linkerd, kubeconfig, kubeContext } = await accepted({
    config: {
      linkerdNamespace: "mesh",
      trustAnchorGenerations: "[1,2]",
      signingGeneration: "2",
      protectTrustAnchors: "false",
      linkerdControlPlaneValues: '{"proxy":{"cores":2}}',
      kubeconfig: "./kubeconfig",
      kubeContext: "dev",
    },
  });
  assert.deepEqual(linkerd, {
    trustAnchor: { generations: [1, 2], signing: 2, protect: false },
    controlPlane: { namespace: "mesh", values: { proxy: { cores: 2 } } },
  });
  assert.deepEqual([kubeconfig, kubeContext], ["./kubeconfig", "dev"]);
});

test("the empty string means that a setting is not set, where it is the default", async () => {
  const config = {
    trustDomain: "",
    kubeconfig: "",
    kubeContext: "",
    certManagerChartRepositoryUsername: "",
    certManagerChartRepositoryPassword: "",
    linkerdChartRepositoryUsername: "",
    linkerdChartRepositoryPassword: "",
  };
  assert.deepEqual((await accepted({ config })).linkerd, {});
});

test("settings of other programs and providers are not looked at", async () => {
  assert.deepEqual((await accepted({ config: { "other:key": "x", "pulumi:tags": "{}" } })).linkerd, {});
});

test("a wrong type is refused by its key", async () => {
  for (const [key, value, description] of [
    ["signingGeneration", "one", "a whole number"],
    ["signingGeneration", "1.5", "a whole number"],
    ["helmTimeoutSeconds", "", "a whole number"],
    ["protectTrustAnchors", "yes", "true or false"],
    ["certManagerValues", "[]", "an object of Helm values"],
    ["certManagerValues", "a: 1", "an object of Helm values"],
  ] as const) {
    assert.equal(
      await read({ config: { [key]: value } }),
      `One setting is not right:
  ${key}: "${value}" is not ${description}.
    Fix: Pulumi.yaml has its type, its meaning and its default.
    Rule: setting-type (Pulumi.yaml declares every setting's type)`,
    );
  }
});

test("a list that is none is refused with the command that sets one", async () => {
  for (const value of ["1", '["a"]', "[null,2]"]) {
    assert.match(
      String(await read({ config: { trustAnchorGenerations: value } })),
      /is not a list of whole numbers, such as \[1\]\.\n {4}Fix: .*: pulumi config set --path 'trustAnchorGenerations\[0\]' 1\n/,
    );
  }
});

test("an unknown key is refused, and the one that was meant is named", async () => {
  assert.equal(
    await read({ config: { issuerDuraton: "48h" } }),
    `One setting is not right:
  issuerDuraton: There is no such setting.
    Fix: Did you mean issuerDuration? Remove it: pulumi config rm issuerDuraton
    Rule: setting-name (Pulumi.yaml lists every setting)`,
  );
  assert.equal(
    await read({ config: { colour: "blue" } }),
    `One setting is not right:
  colour: There is no such setting.
    Fix: Remove it: pulumi config rm colour. Pulumi.yaml lists all settings.
    Rule: setting-name (Pulumi.yaml lists every setting)`,
  );
  for (const inherited of ["constructor", "toString", "__proto__"]) {
    const config = Object.fromEntries([[inherited, "x"]]);
    assert.match(String(await read({ config })), /There is no such setting/);
  }
});

test("settings of Pulumi's own Kubernetes provider are refused, since it is not used", async () => {
  assert.equal(
    await read({ config: { "kubernetes:context": "prod", "kubernetes:namespace": "x" } }),
    `2 settings are not right:
  kubernetes:context: This setting would have no effect: this program makes its own Kubernetes provider.
    Fix: Remove it, and set kubeContext instead.
    Rule: provider-setting (this program makes its own Kubernetes provider)
  kubernetes:namespace: This setting would have no effect: this program makes its own Kubernetes provider.
    Fix: Remove it: pulumi config rm kubernetes:namespace
    Rule: provider-setting (this program makes its own Kubernetes provider)`,
  );
});

test("a kubeconfig is named by its path, not given", async () => {
  assert.equal(
    await read({ config: { kubeconfig: "apiVersion: v1\nkind: Config\n" } }),
    `One setting is not right:
  kubeconfig: This is the text of a kubeconfig, whose credentials would be kept in Pulumi's state.
    Fix: Write it to a file, and set kubeconfig to the file's path.
    Rule: kubeconfig-path (Pulumi keeps a provider's inputs in its state)`,
  );
});

test("a malformed duration is refused by its key", async () => {
  assert.equal(
    await read({ config: { issuerDuration: "48" } }),
    `One setting is not right:
  issuerDuration: "48" is not a duration: the number 48 has no unit.
    Fix: Write numbers with their units, such as 48h, 59m30s or 1.5h; the units are h, m, s, ms, us and ns.
    Rule: duration-syntax (Go time.ParseDuration, with which cert-manager and Linkerd read durations)`,
  );
});

test("all problems are told at once", async () => {
  const message = await read({
    config: { issuerDuration: "2d", signingGeneration: "x", linkerdNamspace: "a", trustDomain: "A" },
  });
  assert.match(String(message), /^4 settings are not right:/);
});

test("passwords are secret, however the stack keeps them", async () => {
  const { linkerd } = await accepted({
    config: { certManagerChartRepositoryUsername: "reader", certManagerChartRepositoryPassword: "hidden" },
  });
  assert.equal(linkerd.certManager?.chartRepositoryUsername, "reader");
  const password = linkerd.certManager?.chartRepositoryPassword as pulumi.Output<string>;
  assert.equal(await pulumi.isSecret(password), true);
  assert.equal(await resolved(password), "hidden");
});

test("values with a secret among them are secret in every leaf", async () => {
  const { linkerd } = await accepted({
    config: { certManagerValues: '{"a":{"b":"hidden"},"c":[1]}' },
    secretKeys: ["certManagerValues"],
  });
  const { a, c } = linkerd.certManager!.values as {
    a: { b: pulumi.Output<string> };
    c: pulumi.Output<number[]>;
  };
  assert.deepEqual([await pulumi.isSecret(a.b), await pulumi.isSecret(c)], [true, true]);
  assert.equal(await resolved(a.b), "hidden");
  assert.deepEqual(await resolved(c), [1]);
});

test("a secret of the wrong type is refused without showing it", async () => {
  assert.equal(
    await read({ config: { certManagerValues: "hidden" }, secretKeys: ["certManagerValues"] }),
    `One setting is not right:
  certManagerValues: Its value is not an object of Helm values.
    Fix: Pulumi.yaml has its type, its meaning and its default.
    Rule: setting-type (Pulumi.yaml declares every setting's type)`,
  );
});

test("whatever the configuration says, it is read or refused with a message", async () => {
  const keys = fc.constantFrom(
    "issuerDuration",
    "issuerRenewBefore",
    "trustAnchorGenerations",
    "signingGeneration",
    "certManagerChart",
    "linkerdControlPlaneValues",
    "trustDomain",
    "protectTrustAnchors",
    "nonsense",
  );
  const texts = fc.oneof(fc.string(), fc.json(), fc.constantFrom("48h", "[1]", "[2,1]", "{}", "true", "1"));
  await fc.assert(
    fc.asyncProperty(fc.dictionary(keys, texts, { noNullPrototype: true }), async (config) => {
      const result = await read({ config });
      if (typeof result === "string") assert.match(result, /^(One setting is|\d+ settings are) not right:\n/);
    }),
    { numRuns: 300 },
  );
});

test("a Helm value that is called secure is a value, and nothing is waited for", async () => {
  const values = { proxy: { secure: "v1:abc" } };
  const { linkerd } = await accepted({ config: { linkerdControlPlaneValues: JSON.stringify(values) } });
  assert.deepEqual(linkerd.controlPlane?.values, values);
});

test("every key sets an argument of its own, and findings come back in the words of the keys", async () => {
  const [refusal, ...others] = findingsOf({
    issuerRenewBefore: "24h",
    linkerdControlPlaneValues: { cniEnabled: 1 },
  });
  assert.deepEqual(others, []);
  assert.equal(
    `${refusal!.field}: ${refusal!.message} ${refusal!.fix}`,
    "issuerRenewBefore: 24h is not longer than issuanceLifetime (24h) and clockSkewAllowance (20s) together: proxies " +
      "would get certificates from an issuer that expires before they do. Make issuerRenewBefore longer, or issuanceLifetime shorter.",
  );
  const paths = Object.keys(types)
    .filter((key) => !key.startsWith("kube"))
    .map((key) => JSON.stringify(argumentsOf({ [key]: 0 })));
  assert.equal(new Set(paths).size, paths.length);
});
