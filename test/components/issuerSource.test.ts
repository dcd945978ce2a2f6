import assert from "node:assert/strict";
import { test } from "node:test";
import type { VaultSettings } from "../../components/index.ts";
import { deleteAtOnce } from "../../components/objects/deletion.ts";
import { authority } from "../certificates.ts";
import { build, findingsOf, type Values } from "../configured.ts";
import { resolved } from "../registrations.ts";

const certificate = "kubernetes:cert-manager.io/v1:Certificate";
const issuer = "kubernetes:cert-manager.io/v1:Issuer";

const specOf = (inputs: Record<string, unknown>) => inputs.spec as Record<string, unknown>;
const refused = (args: Values) => findingsOf(args).map(({ rule, field }) => `${rule} ${field}`);

const vault: VaultSettings = {
  server: "https://vault.example.com:8200",
  path: "pki/root/sign-intermediate",
  auth: { tokenSecretRef: { name: "vault-token", key: "token" } },
};

test("an issuer by reference signs, and no anchor says that it does", async () => {
  const { find, result } = await build({ identityIssuerRef: { name: "company", kind: "ClusterIssuer" } });
  const registered = find(certificate, "linkerd-identity-issuer");
  assert.deepEqual(specOf(registered.inputs).issuerRef, {
    group: "cert-manager.io",
    kind: "ClusterIssuer",
    name: "company",
  });
  assert.ok(
    registered.dependencies.includes("kubernetes:helm.sh/v3:Release linkerd-cert-manager"),
    registered.dependencies.join(),
  );
  assert.deepEqual(
    (await resolved(result.trustAnchors)).map(({ signs }) => signs),
    [false],
  );
});

test("a kind of another group is taken as it is", async () => {
  const { find } = await build({
    identityIssuerRef: { name: "pca", kind: "AWSPCAClusterIssuer", group: "awspca.cert-manager.io" },
  });
  assert.deepEqual(specOf(find(certificate, "linkerd-identity-issuer").inputs).issuerRef, {
    group: "awspca.cert-manager.io",
    kind: "AWSPCAClusterIssuer",
    name: "pca",
  });
});

test("Vault by a token: an Issuer, awaited, and nothing else", async () => {
  const { certificate: root } = await authority({ commonName: "vault" });
  const caBundlePem = root.toString();
  const { find, registrations } = await build({ vaultIssuer: { ...vault, namespace: "team", caBundlePem } });
  const { inputs } = find(issuer, "linkerd-identity-vault");
  assert.deepEqual(inputs.metadata, {
    name: "linkerd-identity-vault",
    namespace: "linkerd",
    annotations: { "pulumi.com/waitFor": "condition=Ready", ...deleteAtOnce },
  });
  assert.deepEqual(inputs.spec, {
    vault: {
      server: vault.server,
      path: vault.path,
      namespace: "team",
      caBundle: Buffer.from(caBundlePem).toString("base64"),
      auth: { tokenSecretRef: { name: "vault-token", key: "token" } },
    },
  });
  assert.deepEqual(specOf(find(certificate, "linkerd-identity-issuer").inputs).issuerRef, {
    group: "cert-manager.io",
    kind: "Issuer",
    name: "linkerd-identity-vault",
  });
  assert.ok(!registrations.some(({ type }) => /ServiceAccount|:Role/.test(type)));
});

test("Vault by an AppRole", async () => {
  const appRole = { path: "approle", roleId: "id", secretRef: { name: "vault", key: "secretId" } };
  const { find } = await build({ vaultIssuer: { ...vault, auth: { appRole } } });
  const { vault: spec } = specOf(find(issuer, "linkerd-identity-vault").inputs) as { vault: object };
  assert.deepEqual((spec as { auth: object }).auth, { appRole });
});

test("Vault by a ServiceAccount, whose tokens cert-manager may ask for, and no others", async () => {
  const { find } = await build({ vaultIssuer: { ...vault, auth: { kubernetes: { role: "linkerd" } } } });
  const { vault: spec } = specOf(find(issuer, "linkerd-identity-vault").inputs) as {
    vault: { auth: object };
  };
  assert.deepEqual(spec.auth, {
    kubernetes: {
      role: "linkerd",
      mountPath: "/v1/auth/kubernetes",
      serviceAccountRef: { name: "linkerd-identity-vault" },
    },
  });
  assert.ok(find("kubernetes:core/v1:ServiceAccount", "linkerd-identity-vault"));
  assert.deepEqual(
    find("kubernetes:rbac.authorization.k8s.io/v1:Role", "linkerd-identity-vault").inputs.rules,
    [
      {
        apiGroups: [""],
        resources: ["serviceaccounts/token"],
        resourceNames: ["linkerd-identity-vault"],
        verbs: ["create"],
      },
    ],
  );
  assert.deepEqual(
    find("kubernetes:rbac.authorization.k8s.io/v1:RoleBinding", "linkerd-identity-vault").inputs.subjects,
    [{ kind: "ServiceAccount", name: "cert-manager", namespace: "cert-manager" }],
  );
});

test("sound settings pass", () => {
  assert.deepEqual(refused({ vaultIssuer: vault }), []);
  assert.deepEqual(refused({ vaultIssuer: { ...vault, path: "pki/issuer/mesh/sign-intermediate" } }), []);
  assert.deepEqual(refused({ identityIssuerRef: { name: "company" } }), []);
});

test("a path is what cert-manager's path.Join makes of it behind /v1", () => {
  const toldOf = (path: string) =>
    findingsOf({ vaultIssuer: { ...vault, path } }).map(({ message, fix }) => `${message} ${fix}`);
  for (const path of [
    "/pki/root/sign-intermediate",
    "a/b/root/sign-intermediate/",
    "v1/root/sign-intermediate",
  ]) {
    assert.deepEqual(toldOf(path), [], path);
  }
  for (const path of ["/v1/pki/root/sign-intermediate", "v1/pki/root/sign-intermediate"]) {
    assert.deepEqual(toldOf(path), [
      `"${path}" starts with v1, which cert-manager puts before the path by itself: it would ask for ` +
        "/v1/v1/pki/root/sign-intermediate. Write it as pki/root/sign-intermediate.",
    ]);
  }
  for (const path of ["pki/sign/linkerd", "/v1/pki/sign/linkerd", "/sign-intermediate"]) {
    assert.match(
      toldOf(path).join(),
      /^".*" does not end in \/sign-intermediate behind a mount's name: /,
      path,
    );
  }
});

test("a CA bundle whose lines were lost is told how to write them again", () => {
  const caBundlePem = "-----BEGIN CERTIFICATE-----\\nAAEC\\n-----END CERTIFICATE-----\\n";
  const [finding, ...more] = findingsOf({ vaultIssuer: { ...vault, caBundlePem } });
  assert.deepEqual(more, []);
  assert.match(finding!.message, /nothing in PEM: its line ends are written as a backslash and an n\.$/);
  assert.match(finding!.fix, /printf/);
});

for (const [what, args, finding] of [
  [
    "two sources at once",
    { identityIssuerRef: { name: "a" }, vaultIssuer: vault },
    "one-issuer-source vaultIssuer",
  ],
  [
    "an issuer beside an anchor on the cluster",
    { identityIssuerRef: { name: "a" }, trustAnchorSource: "cluster" },
    "one-issuer-source identityIssuerRef",
  ],
  ["no name", { identityIssuerRef: { kind: "Issuer" } }, "setting-parts identityIssuerRef.name"],
  [
    "a part that there is not",
    { identityIssuerRef: { name: "a", knd: "Issuer" } },
    "setting-parts identityIssuerRef.knd",
  ],
  ["a part that is no string", { identityIssuerRef: { name: 1 } }, "setting-parts identityIssuerRef.name"],
  [
    "a kind that cert-manager has not",
    { identityIssuerRef: { name: "a", kind: "Isuer" } },
    "issuer-kind identityIssuerRef.kind",
  ],
  ["a role's path", { vaultIssuer: { ...vault, path: "pki/sign/linkerd" } }, "vault-path vaultIssuer.path"],
  [
    "a path that is absolute",
    { vaultIssuer: { ...vault, path: "/v1/pki/root/sign-intermediate" } },
    "vault-path vaultIssuer.path",
  ],
  [
    "a server without TLS",
    { vaultIssuer: { ...vault, server: "http://vault:8200" } },
    "vault-server vaultIssuer.server",
  ],
  [
    "no CA bundle",
    { vaultIssuer: { ...vault, caBundlePem: "x" } },
    "vault-ca-bundle vaultIssuer.caBundlePem",
  ],
  ["no login", { vaultIssuer: { ...vault, auth: undefined } }, "vault-auth vaultIssuer.auth"],
  [
    "two logins",
    { vaultIssuer: { ...vault, auth: { ...vault.auth, kubernetes: { role: "a" } } } },
    "vault-auth vaultIssuer.auth",
  ],
  [
    "a token in the clear",
    { vaultIssuer: { ...vault, auth: { token: "hvs.x" } } },
    "vault-auth vaultIssuer.auth",
  ],
  [
    "a Secret without key",
    { vaultIssuer: { ...vault, auth: { tokenSecretRef: { name: "a" } } } },
    "setting-parts vaultIssuer.auth.tokenSecretRef.key",
  ],
  [
    "an AppRole without Secret",
    { vaultIssuer: { ...vault, auth: { appRole: { path: "a", roleId: "b" } } } },
    "setting-parts vaultIssuer.auth.appRole.secretRef",
  ],
  [
    "an empty role",
    { vaultIssuer: { ...vault, auth: { kubernetes: { role: "" } } } },
    "setting-parts vaultIssuer.auth.kubernetes.role",
  ],
] as const) {
  test(`refused: ${what}`, () => {
    assert.deepEqual(refused(args), [finding]);
  });
}
