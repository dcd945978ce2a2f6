/** What has to be shown before a step of a rotation, and what is seen of it. */
import { countOf } from "../count.ts";
import {
  isSameAuthority,
  isSignedBy,
  type ParsedCertificate,
  quotedName,
} from "../credentials/certificate.ts";
import { chainInProxy, chainToAnchor } from "../credentials/chain.ts";
import { durationMilliseconds } from "../lifetimes/duration.ts";
import { describeWorkloads, type Holders } from "../mesh/anchorHolders.ts";
import { lifeState, refreshTime } from "../mesh/leaves.ts";
import { named, type Stage } from "./stage.ts";
import type { StepName } from "./steps.ts";

/** What an identity controller has answered, or why it has not. */
export interface Answer {
  readonly podName: string;
  readonly proof?: {
    readonly issuer: ParsedCertificate;
    readonly leaf: ParsedCertificate;
    readonly intermediates: readonly ParsedCertificate[];
  };
  readonly failure?: string;
}

/** What a proxy says of its own certificate, or why it does not. */
interface ProxyAnswer {
  readonly pod: Holders["pods"][number] & { readonly name: string };
  readonly leaf?: ParsedCertificate;
  readonly intermediates: readonly ParsedCertificate[];
  readonly failedRefreshes?: number | undefined;
  readonly failure?: string;
}

/** What a cluster shows of its proxies. */
export interface ClusterEvidence {
  /** Its name, if it is another than the stack's own. */
  readonly cluster?: string;
  readonly held: readonly Holders[];
  /** Workloads outside of the cluster, whose bundles nobody sees from here. */
  readonly externalWorkloads: number;
  /** Every pod's proxy; absent if they have not been asked. */
  readonly proxies?: readonly ProxyAnswer[];
  /** The identity issuer in its Secret; absent if there is none that can be read. */
  readonly stored?: ParsedCertificate | undefined;
  /** When the issuer that signs was set; absent if the cluster does not say. */
  readonly signerSetAt?: Date | undefined;
}

/** What is seen of a mesh whose trust anchor rotates. */
export interface Evidence extends ClusterEvidence {
  readonly time: Date;
  /** The anchors of the live bundle by their generation, as far as they are generations of the stack. */
  readonly roots: ReadonlyMap<number, ParsedCertificate>;
  readonly controllers: readonly Answer[];
  /** Other clusters whose proxies trust the same anchors. */
  readonly others?: readonly ClusterEvidence[];
}

/** The stack's own cluster, and then the others. */
const clustersOf = (evidence: Evidence): readonly ClusterEvidence[] => [evidence, ...(evidence.others ?? [])];

const within = ({ cluster }: ClusterEvidence) => (cluster === undefined ? "" : ` of cluster ${cluster}`);

/** What the stack asks of a rotation. */
export interface Demands {
  /** Go durations. */
  readonly rotationAllowance: string;
  readonly issuanceLifetime: string;
  readonly clockSkewAllowance: string;
  /** Whether someone vouches for what cannot be seen: workloads outside of the cluster. */
  readonly externalConfirmed: boolean;
}

/** One thing that has to be so before a step. */
export interface Gate {
  /** What has to be so, as a sentence. */
  readonly demand: string;
  readonly isOpen: boolean;
  /** What shows it, or what stands against it. */
  readonly seen: string;
  /** What to do about it; absent if time opens it, and restarts. */
  readonly fix?: string | undefined;
}

/** Every gate of a step, in the order in which they are told. Going back is barred only where it would break something. */
export function gatesOf(step: StepName, stage: Stage, evidence: Evidence, demands: Demands): readonly Gate[] {
  const newest = stage.generations.at(-1)!;
  switch (step) {
    case "begin":
      return [loaded(evidence), lifeLeft(stage, evidence, demands)];
    case "activate":
    case "settle":
      return [loaded(evidence), ...everyoneHolds(newest, evidence, demands)];
    case "retire":
      // Whoever holds the newest alone has a certificate that leads there: its own proxy takes no other.
      if (stage.name === "distrusted") return [loaded(evidence), ...everyPodHolds(newest, evidence, true)];
      return [
        loaded(evidence),
        ...everyoneHolds(newest, evidence, demands),
        ...clustersOf(evidence).map((one) => renewedAlone(newest, one, evidence, demands)),
      ];
    case "drop":
      return clustersOf(evidence).map((one) => leadsTo([stage.signing], one, evidence, demands));
    case "withdraw":
      return everyPodHolds(stage.generations.at(-2)!, evidence);
    default:
      return [];
  }
}

/** Every identity controller signs with what is stored. */
function loaded({ controllers, stored }: Evidence): Gate {
  const demand = "Every identity controller has loaded the issuer that is stored.";
  if (controllers.length === 0) return { demand, isOpen: false, seen: "no identity controller is running" };
  if (stored === undefined) return { demand, isOpen: false, seen: "there is no issuer that can be read" };
  const others = controllers.filter(({ proof }) => !proof?.issuer.x509.raw.equals(stored.x509.raw));
  const why = others.map(({ podName, failure }) => `${podName}: ${failure ?? "it signs with another one"}`);
  return {
    demand,
    isOpen: others.length === 0,
    seen:
      others.length === 0 ? `${countOf(controllers.length, "controller")} signed with it` : why.join("; "),
  };
}

function lifeLeft(
  { signing, elsewhere }: Stage,
  { roots, time }: Evidence,
  { rotationAllowance }: Demands,
): Gate {
  const demand = `Generation ${signing} lasts for ${rotationAllowance} more, in which every pod is restarted once.`;
  const root = roots.get(signing);
  if (root === undefined)
    return { demand, isOpen: false, seen: "it is not in the bundle of the running mesh" };
  const end = root.x509.validToDate;
  const left = end.getTime() - time.getTime();
  if (left >= durationMilliseconds(rotationAllowance))
    return { demand, isOpen: true, seen: `it ends at ${end.toISOString()}` };
  if (left > 0) {
    const fix = `Set trustAnchorRotationAllowance to less than ${rotationAllowance}, if every pod is restarted once in that time. If not, wait for its end: npm run -s recover then has it issued again, or says who does.`;
    return { demand, isOpen: false, seen: `it ends at ${end.toISOString()}`, fix };
  }
  const again =
    "Type: npm run -s recover, which has it issued again with the key that it has, or says who does.";
  // Of someone else's key, whoever has it has to say.
  const without = "If that key may be in someone else's hands: npm run -s rotate -- begin --distrust";
  return {
    demand,
    isOpen: false,
    seen: `it ended at ${end.toISOString()}`,
    fix: elsewhere === undefined ? `${again} ${without}` : again,
  };
}

/** The evidence that nobody refuses what a generation signs alone. */
function everyoneHolds(generation: number, evidence: Evidence, demands: Demands): readonly Gate[] {
  const outside = clustersOf(evidence).flatMap((one) => outsideHolds(generation, one, demands));
  return [...everyPodHolds(generation, evidence), ...outside];
}

/** @param alone whether a pod must hold nothing else. */
function everyPodHolds(generation: number, evidence: Evidence, alone = false): readonly Gate[] {
  return clustersOf(evidence).map((one) => {
    const lacking = one.held.filter(({ anchors }) => !isThrough(anchors, generation, evidence, alone));
    const all = one.held.flatMap(({ pods }) => pods).length;
    const without = lacking.flatMap(({ pods }) => pods).length;
    return {
      demand: `Every pod of the mesh${within(one)} was started with generation ${generation}${alone ? " alone" : ""}.`,
      isOpen: without === 0,
      seen:
        without === 0
          ? countOf(all, "pod")
          : `${without} of ${countOf(all, "pod")} ${without === 1 ? "was" : "were"} not: ${describeWorkloads(lacking)}`,
    };
  });
}

/**
 * Whether pods that were started with these anchors accept what a generation signs alone.
 *
 * @param anchors absent if they are not known.
 * @param alone whether they must hold nothing else.
 */
export function isThrough(
  anchors: readonly ParsedCertificate[] | undefined,
  generation: number,
  { roots }: Pick<Evidence, "roots">,
  alone = false,
): boolean {
  const root = roots.get(generation);
  if (root === undefined || anchors === undefined) return false;
  const isIt = (anchor: ParsedCertificate) => isSameAuthority(anchor, root);
  return anchors.some(isIt) && (!alone || anchors.every(isIt));
}

/** Of workloads outside of a cluster, someone's word. */
function outsideHolds(
  generation: number,
  cluster: ClusterEvidence,
  { externalConfirmed }: Demands,
): readonly Gate[] {
  if (cluster.externalWorkloads === 0) return [];
  return [
    {
      demand: `Every workload outside${within(cluster) || " of the cluster"} was started with generation ${generation}.`,
      isOpen: externalConfirmed,
      seen: `${countOf(cluster.externalWorkloads, "ExternalWorkload")}, of which only whoever runs them can say so (--external-workloads-hold-it)`,
    },
  ];
}

/** How long an issuer may take from cert-manager to every identity controller: the kubelet delivers it within two minutes. */
export const deliveryMilliseconds = 150_000;

/** Every proxy has a certificate that leads to a generation by itself, and so has accepted what that signs alone. */
function renewedAlone(
  generation: number,
  cluster: ClusterEvidence,
  evidence: Evidence,
  demands: Demands,
): Gate {
  const demand = `Every proxy${within(cluster)} has renewed its certificate since generation ${generation} signs alone.`;
  return everyLeaf(demand, [generation], true, cluster, evidence, demands);
}

/** Every proxy has a certificate that leads to one of these generations, by itself or by the word of another one. */
export function leadsTo(
  generations: readonly number[],
  cluster: ClusterEvidence,
  evidence: Pick<Evidence, "roots" | "time">,
  demands: Pick<Demands, "issuanceLifetime" | "clockSkewAllowance">,
): Gate {
  const demand = `Every proxy's certificate${within(cluster)} leads to ${named(generations)}.`;
  return everyLeaf(demand, generations, false, cluster, evidence, demands);
}

/** Of a proxy that does not answer, time tells: what was issued before the present signer was set has ended. */
function everyLeaf(
  demand: string,
  generations: readonly number[],
  alone: boolean,
  { proxies, stored, signerSetAt }: ClusterEvidence,
  { roots: all, time }: Pick<Evidence, "roots" | "time">,
  demands: Pick<Demands, "issuanceLifetime" | "clockSkewAllowance">,
): Gate {
  const roots = generations.flatMap((generation) => all.get(generation) ?? []);
  if (proxies === undefined || roots.length === 0) {
    return { demand, isOpen: false, seen: "the proxies have not been asked" };
  }
  const isOver =
    signerSetAt !== undefined &&
    stored !== undefined &&
    roots.some((root) => isSignedBy(stored, root)) &&
    time.getTime() - signerSetAt.getTime() > longestMilliseconds(demands);
  const silent = proxies.filter(({ leaf }) => leaf === undefined);
  const open = [
    ...proxies.flatMap((proxy) => refusalBy(proxy, roots, alone, time) ?? []),
    ...(isOver ? [] : silent.map(({ pod, failure }) => `${holderOf(pod)}: ${failure}`)),
  ];
  if (open.length > 0) return { demand, isOpen: false, seen: some(open) };
  const rest =
    silent.length > 0
      ? `; of ${silent.length} that did not answer, all that was issued before has ended`
      : "";
  return {
    demand,
    isOpen: true,
    seen: `${countOf(proxies.length - silent.length, "proxy", "proxies")}${rest}`,
  };
}

/** How long what was issued before the present signer was set may still be in use. */
function longestMilliseconds({
  issuanceLifetime,
  clockSkewAllowance,
}: Pick<Demands, "issuanceLifetime" | "clockSkewAllowance">): number {
  return (
    durationMilliseconds(issuanceLifetime) +
    2 * durationMilliseconds(clockSkewAllowance) +
    deliveryMilliseconds
  );
}

/** Why a proxy's own certificate would not do; `undefined` if it would, or does not show. */
function refusalBy(
  { pod, leaf, intermediates }: ProxyAnswer,
  roots: readonly ParsedCertificate[],
  alone: boolean,
  time: Date,
): string | undefined {
  if (leaf === undefined) return undefined;
  const own = intermediates.filter((one) => !alone || !roots.some((root) => isSameAuthority(one, root)));
  const { reason } = chainToAnchor(leaf, own, roots, time);
  if (reason !== undefined) return `${holderOf(pod)}: ${reason}`;
  if (own.length === intermediates.length) return undefined;
  return `${holderOf(pod)}: its certificate is still vouched for, and ends at ${leaf.x509.validToDate.toISOString()}`;
}

const holderOf = ({ workload, name }: ProxyAnswer["pod"]) => `${workload.namespace}/${name}`;

const mostTold = 5;

function some(texts: readonly string[]): string {
  const rest = texts.length - mostTold;
  return `${texts.slice(0, mostTold).join("; ")}${rest > 0 ? `; and ${rest} more` : ""}`;
}

/**
 * The proxies whose renewal has failed since a generation signs alone, each with what it shows: its time has come since, and
 * it still has the certificate of before.
 */
export function failedRenewals(
  generation: number,
  evidence: Evidence,
): readonly { readonly proxy: string; readonly seen: string }[] {
  const root = evidence.roots.get(generation);
  if (root === undefined) return [];
  return clustersOf(evidence).flatMap(({ cluster, proxies = [], signerSetAt }) =>
    proxies.flatMap(({ pod, leaf, intermediates, failedRefreshes }) => {
      if (
        leaf === undefined ||
        refusalBy({ pod, leaf, intermediates }, [root], true, evidence.time) === undefined
      ) {
        return [];
      }
      const life = { from: leaf.x509.validFromDate, end: leaf.x509.validToDate, failedRefreshes };
      const state = lifeState(life, evidence.time);
      // One that failed before is not for this step to mend.
      if (state === "live" || (signerSetAt !== undefined && refreshTime(life) < signerSetAt)) return [];
      const end = life.end.toISOString();
      return {
        proxy: `${cluster === undefined ? "" : `${cluster}: `}${holderOf(pod)}`,
        seen: `${failedRefreshes ? `${countOf(failedRefreshes, "renewal")} failed` : "its renewal is overdue"}, and its certificate ${state === "ended" ? "has ended" : "ends"} at ${end}`,
      };
    }),
  );
}

/**
 * What every proxy gets now, as one of the identity controllers has answered: it is whole if the leaf has its full life, and
 * every bundle that some pod holds leads to it.
 */
export function checkIssued(
  { podName, proof, failure }: Answer,
  { held, time }: Pick<Evidence, "held" | "time">,
  { issuanceLifetime }: Pick<Demands, "issuanceLifetime">,
): readonly string[] {
  if (proof === undefined) return [`${podName} gives no certificate: ${failure}`];
  const { leaf, intermediates } = proof;
  const life = leaf.x509.validToDate.getTime() - leaf.x509.validFromDate.getTime();
  const cut =
    life < durationMilliseconds(issuanceLifetime)
      ? [`${podName} gives certificates of ${Math.round(life / 1000)} s, less than ${issuanceLifetime}`]
      : [];
  const refused = held.flatMap(({ anchors, pods }) => {
    // Of one that is not known, the gates before the next step tell.
    if (anchors === undefined) return [];
    const { reason } = chainInProxy(leaf, intermediates, anchors, time);
    return reason === undefined
      ? []
      : [
          `${countOf(pods.length, "pod")} with ${anchors.map(quotedName).join(", ")} would refuse it: ${reason}`,
        ];
  });
  return [...cut, ...refused];
}

/** The certificates that vouch for the issuer that a controller has loaded, and end before its own root does. */
export function crossCertificatesIn({ proof }: Answer): readonly ParsedCertificate[] {
  if (proof === undefined) return [];
  return proof.intermediates.filter(
    (one) => one.subjectDer !== one.issuerDer && isSignedBy(proof.issuer, one),
  );
}
