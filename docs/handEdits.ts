/**
 * Edits by hand that the API server refuses, and the words in which it does; `…` stands for who it is. A test makes every one
 * of them as several users and ServiceAccounts, so that docs/guardrails.md says nothing that none has seen.
 */
import { identityIssuerName, trustAnchorName, trustRootsKey, trustRootsName } from "../rules/linkerdNames.ts";
import type { Refusal } from "./rotationRefusals.ts";

export interface HandEdit extends Refusal {
  /** What is typed behind `kubectl --namespace linkerd`. */
  readonly kubectl: readonly string[];
}

/** A file in which a test has the bundle with another root behind it. */
export const editedFile = "edited.json";

/** What `kubectl edit` is told to do in place of a person. */
export const editor = `sed -i s/${trustRootsKey}/ca-bundle.pem/`;

/** @param program by which the API server knows it; a deletion names none. */
function edit(does: string, object: string, program: string | undefined, ...kubectl: string[]): HandEdit {
  const by = program === undefined ? "…." : `… with ${program}.`;
  const words = `${object} is guarded: only cert-manager, trust-manager and Pulumi may change it, and this is ${by}`;
  return { does, words, kubectl };
}

const issuerSecret = `Secret linkerd/${identityIssuerName}`;
const anchorSecret = `Secret linkerd/${trustAnchorName}`;
const certificate = `Certificate linkerd/${identityIssuerName}`;
const issuer = `Issuer linkerd/${trustAnchorName}`;
const bundle = `ConfigMap linkerd/${trustRootsName}`;

const patched = (what: string, name: string, patch: object, ...options: string[]) => [
  "patch",
  what,
  name,
  "--type=merge",
  `--patch=${JSON.stringify(patch)}`,
  ...options,
];
const rawSecrets = "/api/v1/namespaces/linkerd/secrets?fieldSelector=metadata.name%3D";
const kubectlPatch = "kubectl-patch";

export const handEdits: readonly HandEdit[] = [
  edit(
    "The issuer's Secret gets another certificate",
    issuerSecret,
    kubectlPatch,
    ...patched("secret", identityIssuerName, { stringData: { "tls.crt": "another" } }),
  ),
  edit(
    "The issuer's Secret loses its key",
    issuerSecret,
    kubectlPatch,
    ...["patch", "secret", identityIssuerName, "--type=json"],
    '--patch=[{"op":"replace","path":"/data/tls.key","value":""}]',
  ),
  edit(
    "The issuer's Secret is said to be of another issuer, so that cert-manager writes it again",
    issuerSecret,
    "kubectl-annotate",
    ...["annotate", "secret", identityIssuerName, "--overwrite", "cert-manager.io/issuer-name=another"],
  ),
  edit(
    "The issuer's Secret is deleted",
    issuerSecret,
    undefined,
    ...["delete", "secret", identityIssuerName],
  ),
  edit(
    "The anchor's Secret gets another key",
    anchorSecret,
    kubectlPatch,
    ...patched("secret", trustAnchorName, { stringData: { "tls.key": "another" } }),
  ),
  edit(
    "The anchor's Secret gets an owner, with which it would go",
    anchorSecret,
    kubectlPatch,
    ...patched("secret", trustAnchorName, {
      metadata: {
        ownerReferences: [{ apiVersion: "v1", kind: "ConfigMap", name: "gone", uid: "0-0-0-0-0" }],
      },
    }),
  ),
  edit(
    "The anchor's Secret gets a label",
    anchorSecret,
    "kubectl-label",
    ...["label", "secret", trustAnchorName, "team=platform"],
  ),
  edit("The anchor's Secret is deleted", anchorSecret, undefined, ...["delete", "secret", trustAnchorName]),
  edit(
    "The anchor's Secret is deleted with a whole collection, which names none of its objects",
    anchorSecret,
    undefined,
    ...["delete", "--raw", `${rawSecrets}${trustAnchorName}`],
  ),
  edit(
    "Another root is written into the bundle",
    bundle,
    kubectlPatch,
    ...patched("configmap", trustRootsName, { data: { [trustRootsKey]: "another" } }),
  ),
  edit("The bundle is edited", bundle, "kubectl-edit", ...["edit", "configmap", trustRootsName]),
  edit(
    "The bundle is replaced by one with another root behind it",
    bundle,
    "kubectl-replace",
    ...["replace", `--filename=${editedFile}`],
  ),
  edit(
    "The same, with server-side apply, which takes fields over",
    bundle,
    "kubectl",
    ...["apply", `--filename=${editedFile}`, "--server-side", "--force-conflicts"],
  ),
  edit(
    "The same, with apply as it was before that",
    bundle,
    "kubectl-client-side-apply",
    ...["apply", `--filename=${editedFile}`],
  ),
  edit(
    "The bundle is written by the name of a Helm that is not Pulumi's",
    bundle,
    "helm",
    ...patched("configmap", trustRootsName, { data: { [trustRootsKey]: "another" } }, "--field-manager=helm"),
  ),
  edit("The bundle is deleted", bundle, undefined, ...["delete", "configmap", trustRootsName]),
  edit(
    "The issuer's Certificate is to be signed by another Issuer",
    certificate,
    kubectlPatch,
    ...patched("certificate", identityIssuerName, { spec: { issuerRef: { name: "another" } } }),
  ),
  edit(
    "The issuer's Certificate lives as long as Linkerd's documentation has it for an anchor",
    certificate,
    kubectlPatch,
    ...patched("certificate", identityIssuerName, { spec: { duration: "8760h" } }),
  ),
  edit(
    "The issuer's Certificate writes to another Secret",
    certificate,
    kubectlPatch,
    ...patched("certificate", identityIssuerName, { spec: { secretName: "another" } }),
  ),
  edit(
    "The issuer's Certificate is renewed by its status, as cmctl does it",
    certificate,
    kubectlPatch,
    ...patched(
      "certificate",
      identityIssuerName,
      { status: { conditions: [{ type: "Issuing", status: "True" }] } },
      "--subresource=status",
    ),
  ),
  edit(
    "The issuer's Certificate is deleted",
    certificate,
    undefined,
    ...["delete", "certificate", identityIssuerName],
  ),
  edit(
    "The Issuer signs with another Secret",
    issuer,
    kubectlPatch,
    ...patched("issuer", trustAnchorName, { spec: { ca: { secretName: "another" } } }),
  ),
  edit(
    "The Issuer becomes a self-signed one",
    issuer,
    kubectlPatch,
    ...patched("issuer", trustAnchorName, { spec: { ca: null, selfSigned: {} } }),
  ),
  edit("The Issuer is deleted", issuer, undefined, ...["delete", "issuer", trustAnchorName]),
];
