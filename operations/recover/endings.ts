/** What of a mesh ends when, and who prevents it. */
import { nameOfPod } from "../../mesh/meshedPods.ts";
import { quotedName } from "../../rules/credentials/certificate.ts";
import { known } from "../../rules/known.ts";
import { durationMilliseconds } from "../../rules/lifetimes/duration.ts";
import { nameOfWorkload } from "../../rules/mesh/workload.ts";
import type { Ending } from "../../rules/recovery/forecast.ts";
import type { MeshEvidence } from "../../rules/recovery/plan.ts";
import type { Settings } from "../../rules/settings/settings.ts";
import { formatTime } from "../format.ts";
import { stateOf } from "../status/dataPlaneVerdict.ts";
import type { MeshStatus } from "../status/read.ts";
import type { Credential } from "../status/renewal.ts";

export function endingsOf(
  status: MeshStatus,
  { issuer: found, identity, webhooks: ofWebhooks }: MeshEvidence,
  settings: Settings,
): Ending[] {
  const { issuer, webhooks, generations, dataPlane, readAt } = status;
  const isRenewed = found.faults.length + found.hindrances.length === 0;
  // A proxy renews its certificate as long as identity signs one.
  const isSigning = found.faults.length === 0 && identity.every(({ isComing }) => isComing);
  const webhooksRenewed = ofWebhooks.faults.length + ofWebhooks.hindrances.length === 0;
  const signer = generations.find(({ signs }) => signs);
  const vouchers = issuer.intermediates.filter(({ subjectDer, issuerDer }) => subjectDer !== issuerDer);
  return [
    ...(issuer.certificate === undefined
      ? []
      : [
          {
            state: "the identity issuer ends, and every proxy's certificate in the same second",
            at: issuer.certificate.x509.validToDate,
            prevention: isRenewed ? renewalOf(issuer) : undefined,
          },
        ]),
    ...(signer === undefined
      ? []
      : [
          {
            state: `trust anchor ${quotedName(signer.certificate)}, which signs, ends: identity issues nothing from then on`,
            at: signer.certificate.x509.validToDate,
            advice: rotationAdvice(settings, signer.certificate.x509.validToDate, readAt),
          },
        ]),
    ...vouchers.map((voucher) => ({
      state: `the cross certificate ${quotedName(voucher)} ends, and every proxy's certificate with it`,
      at: voucher.x509.validToDate,
      advice: "To end the rotation before: npm run -s rotate -- finish",
    })),
    ...webhooks.flatMap((webhook) =>
      webhook.certificate === undefined
        ? []
        : [
            {
              state: `the ${webhook.name}'s certificate ends: the API server goes on without it`,
              at: webhook.certificate.x509.validToDate,
              prevention: webhooksRenewed ? renewalOf(webhook) : undefined,
            },
          ],
    ),
    ...(dataPlane?.leaves ?? []).flatMap((one) =>
      one.leaf === undefined
        ? []
        : [
            {
              state: `the certificate of pod ${nameOfPod(one.pod)} (${nameOfWorkload(one.pod.workload)}) ends, and only a restart brings it back`,
              at: one.leaf.x509.validToDate,
              prevention:
                isSigning && stateOf(one, status) === "live" ? "its proxy, which renews it" : undefined,
            },
          ],
    ),
  ];
}

/** How the anchor is replaced while it lives, without a forced restart. */
function rotationAdvice({ trustAnchor }: Settings, end: Date, now: Date): string {
  if (trustAnchor.source === "cluster") return "To replace it before: docs/credentials.md, Rotating it.";
  const rotate = "npm run -s rotate -- begin";
  const allowance = known(trustAnchor.rotationAllowance);
  const left = end.getTime() - now.getTime();
  return allowance === undefined || left >= durationMilliseconds(allowance)
    ? `To replace it before, without a forced restart: ${rotate}`
    : `That is less than trustAnchorRotationAllowance, ${allowance}. If every pod is restarted once in a shorter time, set it to that, and: ${rotate}. If not, recover issues it again when it has ended.`;
}

/** Absent if nothing renews it. */
function renewalOf({ renewedBy }: Credential): string | undefined {
  if (renewedBy === undefined) return undefined;
  const { renewalTime } = renewedBy.status ?? {};
  return `cert-manager, which renews it${renewalTime === undefined ? "" : ` at ${formatTime(new Date(renewalTime))}`}`;
}
