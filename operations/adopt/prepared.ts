/** What an adoption writes to the cluster before Pulumi does anything, for people. */
import { countOf } from "../../rules/count.ts";
import { identityIssuerName, previousTrustAnchorName } from "../../rules/linkerdNames.ts";
import type { Adoption } from "./adoption.ts";
import type { Installation } from "./find.ts";

export function prepared(
  { namespace, command }: Pick<Installation, "namespace" | "command">,
  { records, replaced, issuerSecret, previousKeyIn }: Adoption,
): readonly string[] {
  const renderings = [command.controlPlane, command.definitions];
  return [
    ...records.map(({ name, manifest }) => {
      const rendering = renderings.find((one) => one?.manifest === manifest);
      return `Helm's record of the release ${namespace}/${name}${
        rendering === undefined
          ? ", with what another one has"
          : `, of the ${countOf(rendering.count, "object")} that linkerd install has made`
      }`;
    }),
    ...replaced.map(
      (name) => `Helm's records of the release ${namespace}/${name} are deleted before pulumi up`,
    ),
    ...(issuerSecret === undefined
      ? []
      : [
          `Secret ${namespace}/${identityIssuerName} gets an annotation, by which Helm keeps it${
            issuerSecret === "convert" ? ", and tls.crt and tls.key beside Linkerd's own names of them" : ""
          }`,
        ]),
    ...(previousKeyIn === undefined
      ? []
      : [
          `Secret ${previousKeyIn}/${previousTrustAnchorName} loses its copy of the anchor's key, which nothing needs: Pulumi's state would have it`,
        ]),
  ];
}
