/** What has ended of the anchors that a mesh lives on, and who issues it again. */
import { isSameAuthority, type ParsedCertificate, quotedName } from "../../rules/credentials/certificate.ts";
import { parseCertificate } from "../../rules/credentials/parseCertificate.ts";
import { readCertificates } from "../../rules/credentials/pemText.ts";
import { known } from "../../rules/known.ts";
import type { EndedAuthority } from "../../rules/recovery/plan.ts";
import { type Settings, signedElsewhere } from "../../rules/settings/settings.ts";
import type { StackAnchor, StackState } from "../stackState.ts";
import type { MeshStatus } from "../status/read.ts";

export function endedAuthorities(
  status: Pick<MeshStatus, "trust" | "generations" | "readAt">,
  { anchors }: Pick<StackState, "anchors">,
  settings: Settings,
): readonly EndedAuthority[] {
  const { trust, generations, readAt } = status;
  const signing = anchors.find(({ signs }) => signs);
  // Where someone else signs, the issuer that is stored says with which.
  const root =
    signing === undefined
      ? generations.find(({ signs, isInBundle }) => signs && isInBundle)?.certificate
      : trust.anchors.find(({ x509 }) => x509.fingerprint256 === signing.fingerprintSha256);
  const roots = root === undefined || root.x509.validToDate > readAt ? [] : [root];
  return [
    ...roots.map((ended) => ({
      subject: `Trust anchor ${quotedName(ended)}`,
      message: `The anchor that signs expired at ${ended.x509.validToDate.toISOString()}.`,
      isRoot: true,
      fix: fixOfRoot(ended, anchors, settings, readAt),
    })),
    ...anchors.flatMap((anchor) => endedCross(anchor, settings, readAt)),
  ];
}

function fixOfRoot(
  root: ParsedCertificate,
  anchors: readonly StackAnchor[],
  settings: Settings,
  time: Date,
): string | undefined {
  const { source, provided } = settings.trustAnchor;
  if (source === "cluster") {
    return "cert-manager keeps it, and makes another one, which every pod has to be restarted for: cmctl renew --namespace cert-manager linkerd-trust-anchor, and then pulumi up. Then type the same again, which renews the issuer and restarts what is cut off (docs/credentials.md, Rotating it).";
  }
  const { generation } =
    anchors.find(({ fingerprintSha256 }) => fingerprintSha256 === root.x509.fingerprint256) ?? {};
  const given = generation === undefined ? undefined : provided[generation];
  if (given === undefined) return undefined;
  const [again] = certificatesIn(known(given.certificatePem));
  if (again !== undefined && again.x509.validToDate > time && isSameAuthority(again, root)) return undefined;
  const elsewhere = signedElsewhere(settings);
  const theirs =
    elsewhere === undefined ? "" : `, and has what signs the identity issuer (${elsewhere}) sign with that`;
  return (
    `It was given (providedTrustAnchors.${generation}). Whoever has its key issues its certificate again, with the same subject and key${theirs}: openssl x509 -in <old> -signkey <key> -days 3650 -out <new>. ` +
    "Give the new one in its place, and type the same again: no pod has to be restarted for it. " +
    (elsewhere === undefined
      ? "If it is to be another root, every workload is restarted: npm run -s rotate -- begin --distrust, which says first what that interrupts."
      : "If it is to be another root: docs/rotation.md, Where the old key is not here.")
  );
}

function endedCross(
  { generation, crossCertificate: cross }: StackAnchor,
  { trustAnchor }: Settings,
  time: Date,
): readonly EndedAuthority[] {
  if (cross === undefined || generation === undefined || new Date(cross.notAfter) > time) return [];
  const given = trustAnchor.provided[generation]?.crossCertificatePem;
  const [again] = certificatesIn(known(given));
  const isTheirs = given !== undefined && !(again !== undefined && again.x509.validToDate > time);
  return [
    {
      subject: `The cross certificate of generation ${generation}`,
      message: `Generation ${cross.by} vouched with it until ${cross.notAfter}, and every certificate of a proxy behind which it stands has ended with it.`,
      isRoot: false,
      fix: isTheirs
        ? `It was given (providedTrustAnchors.${generation}). Whoever has the key of generation ${cross.by} issues it again; give the new one in its place, and type the same again. ` +
          `If nobody can, take it out, and have generation ${generation} trusted alone, for which every workload is restarted: npm run -s rotate -- begin --distrust`
        : undefined,
    },
  ];
}

/** None if the text is not known, or not readable. */
function certificatesIn(text: string | undefined): readonly ParsedCertificate[] {
  if (text === undefined) return [];
  return readCertificates({ field: "", text }, parseCertificate).members.map(
    ({ certificate }) => certificate,
  );
}
