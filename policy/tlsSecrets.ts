/** Secrets with the mesh's credentials are where they belong, and each has one writer. */
import {
  identityIssuerName,
  isAnchorIssuerName,
  previousTrustAnchorName,
  trustAnchorName,
} from "../rules/linkerdNames.ts";
import { type Mesh, meshesOf, types } from "./mesh.ts";
import { objectName, type Refusal, type Resource, textAt } from "./resource.ts";

export function* checkTlsSecrets(stack: readonly Resource[]): Iterable<Refusal> {
  const meshes = meshesOf(stack);
  const places = meshes.flatMap(placesOf);
  for (const secret of stack.filter(({ type }) => type === types.secret)) {
    const [namespace, name] = ["metadata.namespace", "metadata.name"].map((path) => textAt(secret, path));
    if (namespace === undefined || name === undefined) continue;
    const certificate = stack.find(
      (one) =>
        one.type === types.certificate &&
        textAt(one, "spec.secretName") === name &&
        textAt(one, "metadata.namespace") === namespace,
    );
    const belongs = places.filter(({ isNamed }) => isNamed(name));
    if (certificate !== undefined) {
      yield {
        resource: secret,
        message: `Secret ${namespace}/${name} is cert-manager's to write, for Certificate ${objectName(certificate)}, and this stack would write it as well.`,
        fix: "Take the Secret out of the stack. For an issuer that someone else writes: identityIssuer.source secret.",
      };
    } else if (belongs.length > 0 && !belongs.some((place) => place.namespace === namespace)) {
      yield {
        resource: secret,
        message: `Secret ${namespace}/${name} is called like the mesh's own, which belongs in namespace ${belongs.map((place) => place.namespace).join(" or ")}. Whoever may read Secrets in ${namespace} would have its key.`,
        fix: "Take it out, or call it otherwise if it has nothing to do with the mesh.",
      };
    }
  }
}

interface Place {
  readonly namespace: string;
  readonly isNamed: (name: string) => boolean;
}

function placesOf({ controlPlane, clusterAnchor }: Mesh): Place[] {
  const own = controlPlane && textAt(controlPlane, "namespace");
  const kept = clusterAnchor.find((one) => textAt(one, "spec.secretName") === trustAnchorName);
  const trust = clusterAnchor.length === 0 ? own : kept && textAt(kept, "metadata.namespace");
  const anchors = (name: string) => isAnchorIssuerName(name) || name === previousTrustAnchorName;
  return [
    ...(own === undefined
      ? []
      : [{ namespace: own, isNamed: (name: string) => name === identityIssuerName }]),
    ...(trust === undefined ? [] : [{ namespace: trust, isNamed: anchors }]),
  ];
}
