/** The table of `docs/recovery.md`: from which states a mesh is recovered, and how long that took. */

import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import type { RemedyName } from "../rules/recovery/plan.ts";
import { withPart } from "./markedPart.ts";

interface RecoveredState {
  readonly state: string;
  /** How it looks from outside. */
  readonly looks: string;
  /** What `recover` does. */
  readonly does: string;
}

/** In the order of the table; each is made by a test, on a mesh under load. */
const states = {
  objectsDeleted: {
    state: "The anchor's Secret, its Issuer, or the issuer's Certificate is deleted",
    looks: "Nothing fails, until the next renewal of the issuer does",
    does: "`pulumi up --refresh`",
  },
  anchorSwappedInSecret: {
    state: "The anchor's Secret holds another mesh's root",
    looks: "Nothing fails; the next issuer would be one that no proxy accepts",
    does: "`pulumi up --refresh`, which takes the fields back",
  },
  bundleEmptied: {
    state: "The bundle's ConfigMap is emptied, or damaged, and the anchor's Secret is deleted",
    looks: "What runs goes on; a pod or an identity controller that starts crashes",
    does: "the ConfigMap, `pulumi up --refresh`, then the pods that have started meanwhile",
  },
  bundleForeign: {
    state: "The bundle holds a foreign root",
    looks: "Pods that have started since refuse all others, and are refused",
    does: "the ConfigMap, then the pods that have started meanwhile",
  },
  identityCrashing: {
    state: "Identity is in a crash loop on a bundle that it cannot read",
    looks: "No proxy renews its certificate; nothing else fails until the certificates end",
    does: "the ConfigMap, then identity",
  },
  issuerForeign: {
    state: "The issuer is another mesh's, or written by hand",
    looks: "`IssuerUpdateSkipped`; an identity controller that restarts crashes",
    does: "cert-manager issues it again; identity restarts if it has to",
  },
  issuerLeaf: {
    state: "The issuer is a leaf",
    looks: "The same; cert-manager finds nothing wrong with it",
    does: "the same",
  },
  issuerDeleted: {
    state: "The issuer's Secret is deleted",
    looks: "The same",
    does: "the same; cert-manager has often begun by itself",
  },
  issuerTruncated: {
    state: "The issuer's Secret is truncated",
    looks: "The same",
    does: "the same",
  },
  issuerEnded: {
    state: "The issuer has ended, as after a week without power; the command was killed on its way",
    looks: "Every proxy's certificate ends in the same second; pods are Ready, and every connection fails",
    does: "the issuer, identity, the control plane, and every pod whose certificate has ended",
  },
  identityDown: {
    state: "Identity was down for longer than a certificate lives",
    looks: "Connections fail although identity is back, and `linkerd check --proxy` is green",
    does: "the control plane and the pods whose certificates have ended, and nothing else",
  },
  swappedByHand: {
    state: "Someone has swapped anchor and issuer by hand, in one step",
    looks: "Whatever has started since refuses the rest, and is refused; `linkerd check` is green",
    does: "back to the stack's anchor: the ConfigMap, `pulumi up --refresh`, the issuer, identity, and the pods that have started meanwhile",
  },
  webhookForeign: {
    state: "A webhook's certificate leads to another CA than the API server has",
    looks: "Pods come up without a proxy, in silence, as soon as the API server dials again",
    does: "cert-manager issues it again; the workloads of pods without a proxy are named",
  },
  updateKilled: {
    state: "`pulumi up` was killed in the midst of Helm",
    looks: "The next one says that the release is pending, or the stack locked",
    does: "names `pulumi cancel` for the lock, then `pulumi up --refresh`",
  },
  anchorEnded: {
    state: "The anchor has ended",
    looks:
      "Identity signs nothing any more, and says so in an event only (`IssuerValidationFailed`); what it signed before goes on until it ends, within a day. `pulumi up` fails: `unable to replace resource`",
    does: "the anchor's certificate, again with the key that it has: no pod restarts for it but the control plane's, and no connection is refused",
  },
  anchorAndLeavesEnded: {
    state: "The anchor has ended, and every certificate below it; the command was killed in `pulumi up`",
    looks: "Pods are Ready, and every connection fails",
    does: "the same, then the control plane and every pod whose certificate has ended",
  },
  crossCertificateEnded: {
    state: "The cross certificate of a rotation has ended, and the older root as well",
    looks: "Every proxy fails, whatever it trusts, and no event says why",
    does: "the cross certificate, by `pulumi up`, then the issuer, and every pod whose certificate has ended",
  },
  crossCertificateInSecretEnded: {
    state:
      "The Secret with which the issuer is signed in a rotation holds a cross certificate that has ended, though the stack's lives",
    looks: "The same",
    does: "`pulumi up --refresh`, then likewise",
  },
  rotatedInOneStep: {
    state:
      "A rotation in one step, just now: the newer generation signs, nobody vouches for it, and pods of before it trust the older one alone",
    looks: "Whatever has started since refuses them, or is refused by them; `linkerd check` is green",
    does: "`crossSignTrustAnchors: true` and `pulumi up`, so that the older one vouches; then the few pods that got their certificates meanwhile. The pods of before do not restart",
  },
} as const satisfies Readonly<Record<string, RecoveredState>>;

export type RecoveredStateName = keyof typeof states;

/** What `recover --json` says of what it has done. */
export interface DoneRemedy {
  readonly remedy: RemedyName;
  readonly milliseconds: number;
}

const remedyWords: Readonly<Record<RemedyName, string>> = {
  bundle: "ConfigMap",
  update: "`pulumi up`",
  reissue: "`pulumi up`",
  vouch: "`pulumi up`",
  issuer: "issuer",
  reload: "reload",
  identity: "identity",
  webhooks: "webhooks",
  controlPlane: "control plane",
  workloads: "workloads",
};

interface Recovery {
  /** From the command being typed until every proxy of the load accepts every other. */
  readonly seconds: number;
  readonly done: readonly DoneRemedy[];
  /** Load average of the last minute. */
  readonly load: number;
}

/** As `test/onRequest/recoveries.measured.json` keeps them. */
export interface MeasuredRecoveries {
  readonly machine: string;
  readonly day: string;
  readonly states: Readonly<Record<RecoveredStateName, Recovery>>;
}

export const measuredRecoveriesFile = resolve(
  import.meta.dirname,
  "..",
  "test",
  "onRequest",
  "recoveries.measured.json",
);

export const readRecoveries = () =>
  JSON.parse(readFileSync(measuredRecoveriesFile, "utf8")) as MeasuredRecoveries;

/** The page with its table as it should be. */
export function withRecoveries(page: string): string {
  const { machine, day, states: measured } = readRecoveries();
  const rows = (Object.keys(states) as RecoveredStateName[]).map((name) => {
    const { state, looks, does } = states[name];
    return `| ${state} | ${looks} | ${does} | ${describeRecovery(measured[name])} |`;
  });
  const table = [
    "| State | How it looks from outside | What `recover` does | How long it took |",
    "|---|---|---|---|",
    ...rows,
  ];
  return withPart(page, "recovered states", `${table.join("\n")}\n\nMeasured on ${machine}, ${day}.`);
}

function describeRecovery({ seconds, done }: Recovery): string {
  const parts = done.map(
    ({ remedy, milliseconds }) => `${remedyWords[remedy]} ${Math.round(milliseconds / 1000)} s`,
  );
  return [`${seconds} s`, ...(parts.length > 0 ? [parts.join(", ")] : [])].join(": ");
}
