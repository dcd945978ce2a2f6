/** What is to be done by whoever signs elsewhere, where a step of a rotation is theirs. */
import type { Seen } from "../../mesh/rotationEvidence.ts";
import { quotedName } from "../../rules/credentials/certificate.ts";
import { known } from "../../rules/known.ts";
import { identityIssuerName, trustAnchorObjectName } from "../../rules/linkerdNames.ts";
import type { Stage } from "../../rules/rotation/stage.ts";
import { isOthers, type Step } from "../../rules/rotation/steps.ts";
import type { Settings } from "../../rules/settings/settings.ts";

/**
 * By whom, and by which setting; `undefined` of a step that is the stack's own.
 *
 * @param namespace of the control plane.
 */
export function handoverOf(
  { name }: Step,
  stage: Stage,
  { identityIssuer, trustAnchor }: Settings,
  { roots }: Pick<Seen, "roots">,
  namespace: string,
): readonly string[] | undefined {
  if (!isOthers(name, stage)) return undefined;
  const generation = stage.generations.at(name === "activate" ? -1 : -2)!;
  const root = roots.get(generation);
  const signer = `generation ${generation}${root === undefined ? "" : `, ${quotedName(root)}`}`;
  const isMade = trustAnchor.provided[generation] === undefined;
  const key = isMade ? [`Its key is in Secret ${namespace}/${trustAnchorObjectName(generation)}.`] : [];
  const { vault, issuerRef } = identityIssuer;
  if (vault !== undefined) {
    return [
      `Whoever keeps Vault (vaultIssuer.server, ${known(vault.server) ?? "which is encrypted"}) has it sign with ${signer}, by the path ${known(vault.path) ?? "in vaultIssuer.path"}. Then: npm run -s renew`,
      "Or another path signs with it already: set vaultIssuer.path to that. Then: pulumi up, and npm run -s renew",
      ...key,
    ];
  }
  if (issuerRef !== undefined) {
    const { name: issuer, kind } = issuerRef;
    return [
      `Whoever keeps ${known(kind) ?? "Issuer"} ${known(issuer) ?? ""} (identityIssuerRef) has it sign with ${signer}. Then: npm run -s renew`,
      "Or another issuer signs with it already: set identityIssuerRef to that. Then: pulumi up, and npm run -s renew",
      ...key,
    ];
  }
  return [
    `Whoever writes Secret ${namespace}/${identityIssuerName} (identityIssuerSource: secret) writes an issuer there that is signed with ${signer}.`,
    ...key,
  ];
}
