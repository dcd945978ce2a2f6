import assert from "node:assert/strict";
import { test } from "node:test";
import type { FoundRelease } from "../../../operations/adopt/find.ts";
import { whatToForget } from "../../../operations/adopt/formerOwners.ts";

const marks = (changes: object = {}) => ({
  labels: {},
  annotations: {},
  managers: ["kubectl-create"],
  ...changes,
});

const release = (name: string, manager: string) => ({ name, managers: [manager] }) as unknown as FoundRelease;

test("what people and Helm have made is forgotten by nobody", () => {
  const present = new Map([
    ["Secret linkerd/linkerd-trust-anchor", { marks: marks() }],
    ["Helm release a/b", {}],
  ]);
  assert.deepEqual(whatToForget(present, [release("linkerd-crds", "helm")], "linkerd"), []);
});

test("each other owner is told once, with all that it has, and the way in which it forgets that", () => {
  const annotations = {
    "meta.helm.sh/release-name": "linkerd-cert-manager",
    "meta.helm.sh/release-namespace": "linkerd",
  };
  const present = new Map([
    ["Issuer cert-manager/linkerd-trust-root-issuer", { marks: marks({ annotations }) }],
    ["Certificate cert-manager/linkerd-trust-anchor", { marks: marks({ annotations }) }],
    [
      "Secret a/argo",
      { marks: marks({ annotations: { "argocd.argoproj.io/tracking-id": "mesh:v1/Secret:a/argo" } }) },
    ],
    ["Secret a/flux", { marks: marks({ labels: { "kustomize.toolkit.fluxcd.io/name": "infra" } }) }],
    ["Certificate a/manifest", { marks: marks({ managers: ["Terraform"] }) }],
    ["Secret a/kubernetes", { marks: marks({ managers: ["HashiCorp"] }) }],
  ]);
  const releases = [release("linkerd-control-plane", "terraform-provider-helm_v2.17.0_x5")];
  const [helm, argo, flux, terraform, ...others] = whatToForget(present, releases, "linkerd");
  assert.deepEqual(others, []);
  assert.match(
    helm!,
    /^Issuer cert-manager\/linkerd-trust-root-issuer, Certificate cert-manager\/linkerd-trust-anchor: helm uninstall linkerd-cert-manager would delete it\..*kubectl delete secrets --namespace linkerd --selector owner=helm,name=linkerd-cert-manager$/,
  );
  assert.match(argo!, /^Secret a\/argo: .*argocd app delete mesh --cascade=false/);
  assert.match(flux!, /^Secret a\/flux: Flux's Kustomization infra/);
  assert.match(
    terraform!,
    /^Certificate a\/manifest, Secret a\/kubernetes, Helm release linkerd\/linkerd-control-plane: .*terraform state rm/,
  );
});
