import assert from "node:assert/strict";
import { test } from "node:test";
import { deleteAtOnce } from "../../components/objects/deletion.ts";
import { bindingSpec, guardName, policySpec } from "../../rules/guard/policy.ts";
import { authority, hoursFromNow } from "../certificates.ts";
import { build, type Values } from "../configured.ts";
import type { Recorded } from "../registrations.ts";

const policy = "kubernetes:admissionregistration.k8s.io/v1:ValidatingAdmissionPolicy";
const binding = "kubernetes:admissionregistration.k8s.io/v1:ValidatingAdmissionPolicyBinding";
const role = "kubernetes:rbac.authorization.k8s.io/v1:Role";
const guard = "linkerd-rotating-tls:index:CredentialsGuard";

const guarded = (values: Values = {}) => build({ guardCredentials: true, ...values });

const company = await authority({ commonName: "company", notAfter: hoursFromNow(87_600) });
const certificatePem = company.certificate.toString();

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

interface Rule {
  readonly resources: readonly string[];
  readonly resourceNames: readonly string[];
}

/** What the parameter lists. */
const listedIn = ({ find }: Recorded<unknown>) =>
  (find(role, "linkerd-guard").inputs.rules as readonly Rule[])
    .flatMap(({ resources, resourceNames }) => resourceNames.map((name) => `${resources.join()}/${name}`))
    .sort();

/** The objects of anchors and of the identity issuer that are made, and the Secrets that cert-manager fills for them. */
function credentialsIn({ registrations }: Recorded<unknown>): string[] {
  const made = registrations.flatMap(({ type, parent, inputs }) => {
    const isCredential = /^linkerd-(trust-anchor|identity)/.test(parent) && /^kubernetes:/.test(type);
    const { kind, metadata, spec } = inputs as unknown as Inputs;
    if (!isCredential || !/^(Secret|Issuer|ClusterIssuer|Certificate|Bundle)$/.test(kind)) return [];
    const object = `${kind.toLowerCase()}s/${metadata.name}`;
    return spec?.secretName === undefined ? [object] : [object, `secrets/${spec.secretName}`];
  });
  return [...made, "configmaps/linkerd-identity-trust-roots"].sort();
}

test("by default there is no guard", async () => {
  const { registrations } = await build({});
  const types = registrations.map(({ type }) => type);
  for (const type of [policy, binding, role, guard]) assert.ok(!types.includes(type), type);
});

test("exactly these resources make it", async () => {
  const { registrations, find } = await guarded({ credentialWriters: ["velero"] });
  const own = registrations.filter(({ name }) => name === "linkerd-guard").map(({ type }) => type);
  assert.deepEqual(own.sort(), [binding, role, guard, policy].sort());
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
    spec: bindingSpec("linkerd-credentials-guard", "linkerd", ["linkerd"]),
  });
  const rule = (apiGroup: string, resource: string, ...resourceNames: string[]) => ({
    apiGroups: [apiGroup],
    resources: [resource],
    resourceNames,
    verbs: ["create", "update", "delete"],
  });
  assert.deepEqual(find(role, "linkerd-guard").inputs, {
    apiVersion: "rbac.authorization.k8s.io/v1",
    kind: "Role",
    metadata: { ...metadata, namespace: "linkerd" },
    rules: [
      rule("", "secrets", "linkerd-identity-issuer", "linkerd-trust-anchor"),
      rule("", "configmaps", "linkerd-identity-trust-roots"),
      rule("cert-manager.io", "certificates", "linkerd-identity-issuer"),
      rule("cert-manager.io", "issuers", "linkerd-trust-anchor"),
    ],
  });
  assert.ok(!registrations.some(({ type }) => /RoleBinding/.test(type)));
});

test("another mesh on the same cluster has a guard of its own", async () => {
  const { find } = await guarded({ linkerdNamespace: "mesh", certManagerNamespace: "pki" });
  assert.equal(guardName("mesh"), "mesh-credentials-guard");
  const { metadata, spec } = find(binding, "linkerd-guard").inputs as {
    metadata: { name: string };
    spec: unknown;
  };
  assert.equal(metadata.name, "mesh-credentials-guard");
  assert.deepEqual(spec, bindingSpec("mesh-credentials-guard", "mesh", ["mesh"]));
  assert.deepEqual(find(policy, "linkerd-guard").inputs.spec, policySpec("pki", []));
});

test("its parameter comes last of all, and so goes first, and before any that it guards", async () => {
  const { find } = await guarded({ trustAnchorGenerations: [1, 2], signingGeneration: 2 });
  const parameter = find(role, "linkerd-guard").dependencies;
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
    // Trusted, but without its key.
    { trustAnchorGenerations: [1, 2], providedTrustAnchors: { 2: { certificatePem } } },
    { vaultIssuer },
    { identityIssuerRef: { name: "company" } },
    { identityIssuerSource: "secret" },
  ]) {
    const made = await guarded(values);
    assert.deepEqual(listedIn(made), credentialsIn(made), JSON.stringify(values));
  }
});

test("of an anchor that the cluster keeps, all but the Bundle from which Pulumi reads its certificate", async () => {
  const made = await guarded({ trustAnchorSource: "cluster", certManagerNamespace: "pki" });
  assert.deepEqual(
    listedIn(made),
    credentialsIn(made).filter((object) => object !== "bundles/linkerd-trust-anchor"),
  );
  assert.ok(listedIn(made).includes("clusterissuers/linkerd-identity-issuer"));
  assert.deepEqual(
    made.find(binding, "linkerd-guard").inputs.spec,
    bindingSpec("linkerd-credentials-guard", "linkerd", ["linkerd", "pki"]),
  );
});
