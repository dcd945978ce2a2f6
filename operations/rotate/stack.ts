/** A stack whose trust anchor rotates: what its file says now, and the clusters to look at. */
import type { Mesh } from "../../mesh/cluster.ts";
import type { KubeConfigOptions } from "../../mesh/kubeConfig.ts";
import { readSigner } from "../../mesh/rotationEvidence.ts";
import type { Finding } from "../../rules/finding.ts";
import { known } from "../../rules/known.ts";
import { identityIssuerName } from "../../rules/linkerdNames.ts";
import { type PlannedAnchors, plannedAnchors } from "../../rules/mesh/anchorChange.ts";
import type { Demands } from "../../rules/rotation/gates.ts";
import { type Stage, stageOf } from "../../rules/rotation/stage.ts";
import { type Settings, signedElsewhere } from "../../rules/settings/settings.ts";
import { mayHaveEnded, meshOf, readConfigured } from "../configuredStack.ts";
import { Refused } from "../confirm.ts";
import { readProject, readStackText } from "../project.ts";
import { isHeldIn } from "./stackEdit.ts";

/** Which stack, and which clusters beside its own. */
export interface StackOptions {
  readonly stack?: string;
  readonly externalWorkloadsHoldIt: boolean;
  readonly alsoContext: readonly string[];
  readonly alsoKubeconfig: readonly string[];
}

/** What a stack says, as it is set now. */
export interface Stack {
  readonly name: string;
  readonly settings: Settings;
  readonly stage: Stage;
  /** Whether its file says that generations go on vouching, as a step that was taken back leaves it. */
  readonly isHeld: boolean;
  readonly planned: PlannedAnchors;
  readonly demands: Demands;
  readonly mesh: Mesh;
  /** Other clusters whose proxies trust the same anchors. */
  readonly others: readonly Mesh[];
}

/** The ClusterIssuer signs with whatever is in the anchor's Secret, so no gate can keep a new anchor from signing. */
const keptByCluster =
  "The cluster keeps this stack's trust anchor (trustAnchorSource: cluster), and cert-manager signs with a new one as soon as the identity issuer is renewed, whoever trusts it: " +
  "rotate could not hold that back, and so does not begin. By hand, one after the other: npm run -s renew (so that the next renewal is as far away as it can be); " +
  "cmctl renew --namespace cert-manager linkerd-trust-anchor; pulumi up; restart every meshed pod; npm run -s renew; restart them again, or wait for issuanceLifetime; " +
  'make the new anchor the previous one; pulumi up. docs/credentials.md, "Rotating it", has each command.';

/** The same, and whether the key of what signs is lost: what is distrusted signs no more. */
export const mayLackKey = (finding: Finding): boolean =>
  mayHaveEnded(finding) || finding.rule === "signing-key";

/**
 * @param tolerates what is wrong with the stack, and is mended by the step.
 * @throws Error if the stack or its mesh cannot be read, or no generation can be told to sign.
 */
export async function readRotation(
  options: StackOptions,
  signal: AbortSignal,
  tolerates: (finding: Finding) => boolean = mayHaveEnded,
): Promise<Stack> {
  const { stack, externalWorkloadsHoldIt } = options;
  const { name, settings, kubeconfig, mesh } = await readConfigured(stack, signal, tolerates);
  if (settings.trustAnchor.source === "cluster") throw new Refused(keptByCluster);
  const planned = plannedAnchors(settings);
  if (planned === undefined) {
    throw new Refused(
      "A certificate in providedTrustAnchors cannot be read here. It is no secret: set it without --secret.",
    );
  }
  const [rotationAllowance, issuanceLifetime, clockSkewAllowance] = [
    settings.trustAnchor.rotationAllowance,
    settings.identityIssuer.issuanceLifetime,
    settings.identityIssuer.clockSkewAllowance,
  ].map((value) => known(value)!);
  const elsewhere = signedElsewhere(settings) !== undefined;
  const stage = stageOf(settings, elsewhere ? await readSigner(mesh, planned) : undefined);
  if (stage === undefined) {
    throw new Refused(
      `Someone else signs the identity issuer, and the one in Secret ${mesh.namespace}/${identityIssuerName} leads to none of trustAnchorGenerations [${planned.generations.join(", ")}] that is in the bundle of the running mesh. What it is: npm run -s status. If it has ended, or its anchor has: npm run -s recover`,
    );
  }
  return {
    name,
    settings,
    stage,
    isHeld: isHeld(name),
    planned,
    demands: {
      rotationAllowance: rotationAllowance!,
      issuanceLifetime: issuanceLifetime!,
      clockSkewAllowance: clockSkewAllowance!,
      externalConfirmed: externalWorkloadsHoldIt,
    },
    mesh,
    others: otherClusters(options, kubeconfig).map((cluster) => meshOf(cluster, settings, signal)),
  };
}

/** Contexts of the stack's own kubeconfig, and the current ones of others. */
function otherClusters(
  { alsoContext, alsoKubeconfig }: StackOptions,
  kubeconfig: string | undefined,
): readonly KubeConfigOptions[] {
  return [
    ...alsoContext.map((context) => ({ kubeconfig, context })),
    ...alsoKubeconfig.map((other) => ({ kubeconfig: other })),
  ];
}

function isHeld(stack: string): boolean {
  const project = readProject();
  return isHeldIn(readStackText(project, stack), project.name);
}
