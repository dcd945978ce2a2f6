import assert from "node:assert/strict";
import { test } from "node:test";
import { describeOwner } from "../../../rules/mesh/owner.ts";

const nobody = { labels: {}, annotations: {}, managers: [] };
const helm = { "meta.helm.sh/release-name": "certs", "meta.helm.sh/release-namespace": "pki" };

for (const [name, marks, owner] of [
  [
    "Helm's, whoever else writes it",
    { annotations: helm, managers: ["helm", "kubectl"] },
    "of the Helm release pki/certs",
  ],
  [
    "Argo CD's",
    { annotations: { "argocd.argoproj.io/tracking-id": "mesh:cert-manager.io/Issuer:linkerd/x" } },
    "of Argo CD's application mesh",
  ],
  ["Flux's", { labels: { "kustomize.toolkit.fluxcd.io/name": "infra" } }, "of Flux's Kustomization infra"],
  [
    "another stack's of this program",
    { annotations: { "linkerd-rotating-tls/installation": "x" }, managers: ["pulumi-kubernetes-1a2b"] },
    "of another stack of this program",
  ],
  ["another tool's", { labels: { "app.kubernetes.io/managed-by": "Terraform" } }, "managed by Terraform"],
  ["another Pulumi program's", { managers: ["pulumi-kubernetes-1a2b"] }, "by another Pulumi stack"],
  ["a person's", { managers: ["kubectl-create"] }, "by kubectl-create"],
  ["nobody's", {}, "someone else's"],
] as const) {
  test(name, () => assert.equal(describeOwner({ ...nobody, ...marks }), owner));
}
