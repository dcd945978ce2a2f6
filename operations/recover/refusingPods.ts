/** Pods of before a rotation for which nobody has vouched: they refuse what the newer generation signs, and need no restart for it. */
import { type MeshedPod, nameOfPod } from "../../mesh/meshedPods.ts";
import { isSameAuthority } from "../../rules/credentials/certificate.ts";
import { known } from "../../rules/known.ts";
import { durationMilliseconds } from "../../rules/lifetimes/duration.ts";
import { refusalOf } from "../../rules/mesh/heldBundle.ts";
import { crossSignings } from "../../rules/settings/crossSigning.ts";
import type { Settings } from "../../rules/settings/settings.ts";
import type { StackAnchor, StackState } from "../stackState.ts";
import { refusalOfIssued, stateOf } from "../status/dataPlaneVerdict.ts";
import type { MeshStatus } from "../status/read.ts";

/**
 * None if no older generation can vouch: its key is not here, it is distrusted, or it ends before an issuer that is issued now.
 * None as well of a pod whose certificate has ended: only a restart helps that.
 */
export function refusingPods(
  status: MeshStatus,
  { anchors }: Pick<StackState, "anchors">,
  settings: Settings,
): readonly MeshedPod[] {
  const { dataPlane, trust, readAt } = status;
  if (dataPlane === undefined || isVouchedFor(anchors)) return [];
  const willing = { ...settings, trustAnchor: { ...settings.trustAnchor, crossSign: true } };
  const issuerEnd = readAt.getTime() + durationMilliseconds(known(settings.identityIssuer.duration) ?? "0");
  const vouchers = crossSignings(willing).flatMap(({ by }) => {
    const fingerprint = anchors.find(({ generation }) => generation === by)?.fingerprintSha256;
    return trust.anchors.filter(
      ({ x509 }) => x509.fingerprint256 === fingerprint && x509.validToDate.getTime() > issuerEnd,
    );
  });
  const alive = new Set(liveLeaves(status).map(({ pod }) => nameOfPod(pod)));
  return dataPlane.bundles
    .filter(
      ({ anchors: held }) =>
        held !== undefined &&
        refusalOfIssued(status, held) !== undefined &&
        held.some((anchor) => vouchers.some((root) => isSameAuthority(anchor, root))),
    )
    .flatMap(({ pods }) => pods)
    .filter((pod) => alive.has(nameOfPod(pod)));
}

const isVouchedFor = (anchors: readonly StackAnchor[]) =>
  anchors.some(({ signs, crossCertificate }) => signs && crossCertificate !== undefined);

const liveLeaves = (status: MeshStatus) =>
  (status.dataPlane?.leaves ?? []).filter((one) => ["live", "failing"].includes(stateOf(one, status) ?? ""));

/**
 * Pods whose certificates were issued while nobody vouched, where an older generation does by now: those that trust that one
 * alone refuse them until they have been renewed, which may be most of a day away.
 */
export function refusedPods(
  status: MeshStatus,
  { anchors }: Pick<StackState, "anchors">,
): readonly MeshedPod[] {
  const { dataPlane, trust, readAt } = status;
  if (dataPlane === undefined) return [];
  const vouching = anchors.flatMap(({ crossCertificate }) => crossCertificate?.by ?? []);
  const roots = anchors
    .filter(({ generation }) => generation !== undefined && vouching.includes(generation))
    .flatMap(({ fingerprintSha256 }) =>
      trust.anchors.filter(({ x509 }) => x509.fingerprint256 === fingerprintSha256),
    );
  const older = dataPlane.bundles.flatMap(({ anchors: held = [] }) =>
    held.some((anchor) => roots.some((root) => isSameAuthority(anchor, root))) ? [held] : [],
  );
  return liveLeaves(status)
    .filter(({ leaf, intermediates }) =>
      older.some((held) => refusalOf({ leaf: leaf!, intermediates }, held, readAt) !== undefined),
    )
    .map(({ pod }) => pod);
}
