/** What each Certificate says of its key: whether cert-manager makes a new one at each renewal. */
import { isLater } from "../rules/known.ts";
import { identityIssuerName, trustAnchorName } from "../rules/linkerdNames.ts";
import { types } from "./mesh.ts";
import { objectName, type Refusal, type Resource, read, textAt } from "./resource.ts";

const field = "spec.privateKey.rotationPolicy";

/** Refuses a Certificate that leaves it to cert-manager's default, and an authority of the mesh that keeps its key. */
export function* checkCertificateKey(resource: Resource): Iterable<Refusal> {
  if (resource.type !== types.certificate) return;
  const policy = read(resource, field);
  const called = `Certificate ${objectName(resource)}`;
  if (isLater(policy)) return;
  if (policy !== "Always" && policy !== "Never") {
    yield {
      resource,
      message: `${called} does not say whether its key changes (${field} is ${JSON.stringify(policy) ?? "not set"}). cert-manager's default was Never until 1.17, and is Always since 1.18: an upgrade would change what a renewal does.`,
      fix: `Set ${field} to Always, or to Never for a CA whose key is trusted by itself.`,
    };
  } else if (
    policy === "Never" &&
    [identityIssuerName, trustAnchorName].includes(textAt(resource, "metadata.name") ?? "")
  ) {
    yield {
      resource,
      message: `${called} keeps its key for ever (${field} is Never): whoever has it once has it after every renewal.`,
      fix: `Set ${field} to Always.`,
    };
  }
}
