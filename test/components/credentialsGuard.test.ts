import assert from "node:assert/strict";
import { test } from "node:test";
import { deleteAtOnce } from "../../components/objects/deletion.ts";
import { bindingSpec, guardName, policySpec } from "../../rules/guard/policy.ts";
import { build, type Values } from "../configured.ts";
import type { Recorded } from "../registrations.ts";

const policy = "kubernetes:admissionregistration.k8s.io/v1:ValidatingAdmissionPolicy";
const binding = "kubernetes:admissionregistration.k8s.io/v1:ValidatingAdmissionPolicyBinding";
const configMap = "kubernetes:core/v1:ConfigMap";
const guard = "linkerd-rotating-tls:index:CredentialsGuard";

const guarded = (values: Values = {}) => build({ guardCredentials: true, ...values });

const vaultIssuer = {
  server: "https://vault.example.com:8200",
  path: "pki/root/sign-intermediate",
  auth: { kubernetes: { role: "linkerd" } },
};

interface Inputs {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly spec?: { readonly secretName?: string };
}

/** What the parameter lists. */
const listedIn = ({ find }: Recorded<unknown>) =>
  (find(configMap, "linkerd-guard").inputs.data as { objects: string }).objects.split("\n");

/** The objects of anchors and of the identity issuer that are made, and the Secrets that cert-manager fills for them. */
function credentialsIn({ registrations }: Recorded<unknown>): string[] {
  const made = registrations.flatMap(({ type, parent, inputs }) => {
    const isCredential = /^linkerd-(trust-anchor|identity)/.test(parent) && /^kubernetes:/.test(type);
    const { kind, metadata, spec } = inputs as unknown as Inputs;
    if (!isCredential || !/^(Secret|Issuer|ClusterIssuer|Certificate|Bundle)$/.test(kind)) return [];
    const place = `${metadata.namespace ?? ""}/`;
    const object = `${kind.toLowerCase()}s/${place}${metadata.name}`;
    return spec?.secretName === undefined ? [object] : [object, `secrets/${place}${spec.secretName}`];
  });
  return [...made, "configmaps/linkerd/linkerd-identity-trust-roots"].sort();
}

test("by default there is no guard", async () => {
  const { registrations } = await build({});
  const types = registrations.map(({ type }) => type);
  for (const type of [policy, binding, configMap, guard]) assert.ok(!types.includes(type), type);
});

test("exactly these resources make it", async () => {
  const { registrations, find } = await guarded({ credentialWriters: ["velero"] });
  const own = registrations.filter(({ name }) => name === "linkerd-guard").map(({ type }) => type);
  assert.deepEqual(own.sort(), [binding, configMap, guard, policy].sort());
  const metadata = { name: "linkerd-credentials-guard", annotations: deleteAtOnce };
  const api = { apiVersion: "admissionregistration.k8s.io/v1" };
  assert.deepEqual(find(policy, "linkerd-guard").inputs, {
    ...api,
    kind: "ValidatingAdmissionPolicy",
    metadata,
    spec: policySpec("cert-manager", ["velero"]),
  });
  assert.deepEqual(find(binding, "linkerd-guard").inputs, {
    ...api,
    kind: "ValidatingAdmissionPolicyBinding",
    metadata,
    spec: bindingSpec("linkerd-credentials-guard", { linkerd: "linkerd", certManager: "cert-manager" }),
  });
  assert.deepEqual(find(configMap, "linkerd-guard").inputs, {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { ...metadata, namespace: "linkerd" },
    data: {
      objects: [
        "secrets/linkerd/linkerd-identity-issuer",
        "certificates/linkerd/linkerd-identity-issuer",
        "secrets/linkerd/linkerd-trust-anchor",
        "issuers/linkerd/linkerd-trust-anchor",
        "configmaps/linkerd/linkerd-identity-trust-roots",
      ].join("\n"),
    },
  });
});

test("another mesh on the same cluster has a guard of its own", async () => {
  const { find } = await guarded({ linkerdNamespace: "mesh", certManagerNamespace: "pki" });
  assert.equal(guardName("mesh"), "mesh-credentials-guard");
  const { metadata, spec } = find(binding, "linkerd-guard").inputs as {
    metadata: { name: string };
    spec: unknown;
  };
  assert.equal(metadata.name, "mesh-credentials-guard");
  assert.deepEqual(spec, bindingSpec("mesh-credentials-guard", { linkerd: "mesh", certManager: "pki" }));
  assert.deepEqual(find(policy, "linkerd-guard").inputs.spec, policySpec("pki", []));
});

test("its parameter comes last of all, and so goes first, and before any that it guards", async () => {
  const { find } = await guarded({ trustAnchorGenerations: [1, 2], signingGeneration: 2 });
  const parameter = find(configMap, "linkerd-guard").dependencies;
  assert.ok(parameter.includes(`${binding} linkerd-guard`));
  assert.ok(find(binding, "linkerd-guard").dependencies.includes(`${policy} linkerd-guard`));
  const waitsFor = find(policy, "linkerd-guard").dependencies;
  for (const needed of [
    "kubernetes:core/v1:Secret linkerd-trust-anchor",
    "kubernetes:cert-manager.io/v1:Issuer linkerd-trust-anchor",
    "kubernetes:core/v1:Secret linkerd-trust-anchor-2-cross-signed",
    "kubernetes:helm.sh/v3:Release linkerd-control-plane",
  ]) {
    assert.ok(waitsFor.includes(needed), `${needed}: ${waitsFor.join(", ")}`);
  }
  const release = find("kubernetes:helm.sh/v3:Release", "linkerd-control-plane").dependencies;
  assert.ok(release.includes("kubernetes:cert-manager.io/v1:Certificate linkerd-identity-issuer"));
});

test("it lists every credential that is made, and no other, wherever they come from", async () => {
  for (const values of [
    {},
    { trustAnchorGenerations: [1, 2] },
    { trustAnchorGenerations: [1, 2], signingGeneration: 2 },
    { trustAnchorGenerations: [1, 2, 3], signingGeneration: 3 },
    { trustAnchorGenerations: [1, 2], signingGeneration: 2, crossSignTrustAnchors: false },
    { trustAnchorGenerations: [2], signingGeneration: 2 },
    { trustAnchorGenerations: [1, 2], signingGeneration: 2, distrustedTrustAnchors: [1] },
    { vaultIssuer },
    { identityIssuerRef: { name: "company" } },
    { identityIssuerSource: "secret" },
  ]) {
    const made = await guarded(values);
    assert.deepEqual(listedIn(made).sort(), credentialsIn(made), JSON.stringify(values));
  }
});

test("of an anchor that the cluster keeps, all but the Bundle from which Pulumi reads its certificate", async () => {
  const made = await guarded({ trustAnchorSource: "cluster" });
  assert.deepEqual(
    listedIn(made).sort(),
    credentialsIn(made).filter((object) => object !== "bundles//linkerd-trust-anchor"),
  );
  assert.ok(listedIn(made).includes("clusterissuers//linkerd-identity-issuer"));
});
