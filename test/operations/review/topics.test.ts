/** What changes mean that no preview in goldens/ has. */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { readPreview } from "../../../operations/preview.ts";
import { textOf } from "../../../operations/review/sentence.ts";
import { reviewOf } from "../../../operations/review/statements.ts";
import { unseenBeginning } from "../../../rules/mesh/unseen.ts";

interface Step {
  readonly op: string;
  readonly type: string;
  readonly name?: string;
  readonly changes?: Readonly<Record<string, readonly [before: unknown, after: unknown]>>;
}

const linkerd = "linkerd-rotating-tls:index:RotatingLinkerd";
const within = (component: string, type: string) =>
  `${linkerd}$linkerd-rotating-tls:index:${component}$${type}`;
const release = "kubernetes:helm.sh/v3:Release";
const controlPlane = within("LinkerdControlPlane", release);
const certificate = within("IdentityIssuer", "kubernetes:cert-manager.io/v1:Certificate");

/** An object with one value at a path without quotes. */
const nested = (path: string, value: unknown): object =>
  path.split(".").reduceRight<unknown>((inner, key) => ({ [key]: inner }), value) as object;

/** The title and the statements on a preview with these steps. */
function told(steps: readonly Step[], ...warnings: string[]) {
  const preview = readPreview(
    JSON.stringify({
      steps: steps.map(({ op, type, name = "linkerd", changes = {} }) => {
        const inputs = (place: 0 | 1) =>
          Object.assign({}, ...Object.entries(changes).map(([path, values]) => nested(path, values[place])));
        return {
          op,
          urn: `urn:pulumi:dev::project::${type}::${name}`,
          detailedDiff: Object.fromEntries(Object.keys(changes).map((path) => [path, { kind: "update" }])),
          oldState: { inputs: inputs(0) },
          newState: { inputs: inputs(1) },
        };
      }),
      diagnostics: warnings.map((message) => ({ severity: "warning", message: `warning: ${message}` })),
    }),
  );
  const { title, statements, verdict } = reviewOf({ stack: "dev", preview, check: undefined });
  const says = (about: string) =>
    statements
      .filter((one) => one.about === about)
      .map((one) => textOf(one.says))
      .join("\n");
  return { title: textOf(title), says, verdict };
}

suite("A change that is grave", () => {
  for (const [what, step, title, decide] of [
    [
      "the control plane goes",
      { op: "delete", type: controlPlane },
      "the control plane is removed",
      /No proxy gets a certificate/,
    ],
    [
      "cert-manager is replaced",
      { op: "replace", type: within("CertManager", release) },
      "cert-manager is removed and made again",
      /all Certificates of the cluster/,
    ],
    [
      "the namespace goes",
      { op: "delete", type: `${linkerd}$kubernetes:core/v1:Namespace` },
      "the control plane's namespace is removed",
      /everything that is in it\./,
    ],
    [
      "an anchor is replaced",
      { op: "replace", type: within("TrustAnchor", "tls:index/selfSignedCert:SelfSignedCert") },
      "a trust anchor is replaced in one step",
      /^Refuse this, unless the mesh may break/,
    ],
  ] as const) {
    test(`comes first, where ${what}`, () => {
      const values = { op: "update", type: controlPlane, changes: { "values.a": [1, 2] } } as const;
      const { title: found, says } = told([step, ...(step.type === controlPlane ? [] : [values])]);
      assert.equal(found.split("; ")[0], title);
      assert.match(says("Decide"), decide);
    });
  }
});

test("a step of a rotation that the cluster was not asked about says so of its gate", () => {
  const reference = (name: string) => ({ group: "cert-manager.io", kind: "Issuer", name });
  const signs: Step = {
    op: "update",
    type: certificate,
    changes: { "spec.issuerRef": [reference("linkerd-trust-anchor-2"), reference("linkerd-trust-anchor-3")] },
  };
  const { title, says, verdict } = told([signs], `${unseenBeginning} ConfigMap linkerd/a: no answer.`);
  assert.equal(title, "generation 3 of the trust anchor signs");
  assert.match(says("Rotation"), /^step 2 of 3: generation 3 signs in place of generation 2\./);
  assert.match(says("Gate"), /^signer-accepted was not asked, since the cluster could not be looked at\./);
  assert.match(says("Not seen from here"), /^the cluster, or a part of it; .*`pulumi up` looks again before/);
  assert.equal(verdict, "warning");
  assert.match(told([signs]).says("Gate"), /^signer-accepted did not refuse this\./);
  const joins: Step = {
    op: "create",
    type: `${linkerd}$linkerd-rotating-tls:index:TrustAnchor`,
    name: "linkerd-trust-anchor-3",
  };
  assert.match(
    told([joins, signs]).says("Decide"),
    /^Refuse this: generation 3 would sign in the run in which it joins/,
  );
});

test("several generations are named, and the last of them is the next to sign", () => {
  const anchor = (generation: number): Step => ({
    op: "create",
    type: `${linkerd}$linkerd-rotating-tls:index:TrustAnchor`,
    name: `linkerd-trust-anchor-${generation}`,
  });
  const { title, says } = told([anchor(10), anchor(2)]);
  assert.equal(title, "generations 2 and 10 of the trust anchor join the bundle");
  assert.match(says("Rotation"), /`signingGeneration: 10`/);
});

suite("Which pods restart", () => {
  const restarts = (...steps: Step[]) => told(steps).says("Restarts");
  const update = (changes: NonNullable<Step["changes"]>, type = controlPlane): Step => ({
    op: "update",
    type,
    changes,
  });
  test("none, where only how Helm goes about it changes", () => {
    assert.equal(restarts(update({ timeout: [300, 600] })), "no pod that runs.");
    assert.equal(restarts(update({ chart: ["a", "oci://b/a"] })), "no pod that runs.");
  });
  test("all, where the bundle on the cluster is another", () => {
    const annotations = (hash: string) => ({ "checksum/identity-trust-roots": hash });
    const change = { "values.podAnnotations": [annotations("a"), annotations("b")] } as const;
    assert.match(
      restarts(update(change)),
      /^all pods of the control plane, since .* another on the cluster\. Meshed pods are not/,
    );
  });
  test("those of each release", () => {
    const both = [
      update({ version: ["1", "2"] }),
      update({ version: ["1", "2"] }, within("LinkerdViz", release)),
    ];
    assert.match(
      restarts(...both),
      /^all pods of the control plane, .*; all pods of viz, .*\. Meshed pods are not/,
    );
  });
});

suite("What has no topic of its own", () => {
  test("is named, with what it costs", () => {
    const { title, says } = told([
      { op: "create", type: within("LinkerdCni", release) },
      {
        op: "update",
        type: within("VaultIssuer", "kubernetes:cert-manager.io/v1:Issuer"),
        changes: { "spec.vault.path": ["a", "b"] },
      },
      {
        op: "update",
        type: "pulumi:providers:kubernetes",
        name: "kubernetes",
        changes: { context: ["a", "b"] },
      },
    ]);
    assert.equal(
      title,
      "the Issuer for Vault changes; the CNI plugin is added; the Kubernetes provider changes",
    );
    assert.match(says("Decide"), /spec\.vault\.path from "a" to "b"/);
  });
  test("is named where nothing is known of such a change", () => {
    const { title } = told([
      { op: "update", type: within("ClusterTrustAnchor", "kubernetes:cert-manager.io/v1:Certificate") },
      { op: "update", type: within("WebhookCredentials", "kubernetes:cert-manager.io/v1:Issuer") },
      { op: "update", type: controlPlane, changes: { timeout: [300, 600] } },
      { op: "update", type: certificate, changes: { "spec.commonName": ["a", "b"] } },
    ]);
    const [first, second, ...rest] = title.split("; ");
    assert.equal(first, "the trust anchor changes");
    assert.equal(second, "the identity issuer changes");
    assert.deepEqual(rest, ["the webhooks' issuer changes", "and 1 more"]);
  });
  test("is counted where it is not of the mesh", () => {
    const { title, says } = told([{ op: "delete", type: "aws:s3/bucket:Bucket", name: "logs" }]);
    assert.equal(title, "one other resource changes");
    assert.match(says("Decide"), /of which nothing is known here\? logs\.$/);
  });
  test("is nothing, where it is in the state alone", () => {
    const { title, says } = told([{ op: "create", type: "pulumi:index:Stash", name: "installation" }]);
    assert.equal(title, "nothing changes on the cluster");
    assert.match(says("Decide"), /^Nothing: what changes is in Pulumi's state alone\.$/);
  });
});
