/**
 * What brings a broken mesh back, in the order in which one thing stands on another: the anchors, the stack's objects, the
 * issuer, those who load it, the webhooks, and the pods that only a restart helps.
 */
import { countOf } from "../count.ts";
import { nameOfWorkload, type Workload } from "../mesh/workload.ts";

/** Something that is not as it should be. */
export interface Fault {
  /** Such as `Secret linkerd/linkerd-trust-anchor`. */
  readonly subject: string;
  /** What is wrong with it, as a sentence. */
  readonly message: string;
}

/** A workload with pods that only a restart helps. */
export interface Stranded {
  readonly workload: Workload;
  /** Whether a restart replaces its pods; those of others have to be made anew by whoever has made them. */
  readonly canRestart: boolean;
  readonly pods: number;
  readonly reason: string;
}

/** A root or a cross certificate of the anchors that the mesh lives on, which has ended. */
export interface EndedAuthority extends Fault {
  /** Whether it is a root. */
  readonly isRoot: boolean;
  /** What someone else has to do first; absent if the next update of the stack has one that lives. */
  readonly fix?: string | undefined;
}

/** Of the identity controllers, what does not go by the issuer that is stored. */
export interface IdentityFault extends Fault {
  /** Whether it still answers by an older issuer, and the kubelet may only be on its way with the new one. */
  readonly isComing: boolean;
}

export interface Evidence {
  readonly time: Date;
  /** What an update that was interrupted has left to do. */
  readonly unfinished: readonly string[];
  /** What is wrong with the ConfigMap of the anchors; absent if it holds those that the stack has installed. */
  readonly bundle?: Fault | undefined;
  /** Whether the stack writes that ConfigMap. */
  readonly ownsBundle: boolean;
  /** What the stack has made, and is missing or changed. */
  readonly objects: readonly Fault[];
  /** What stands on the anchors; absent while they cannot be read. */
  readonly mesh?: MeshEvidence | undefined;
}

export interface MeshEvidence {
  /** What has ended of the anchor to which the issuer leads, and of those that vouch for it. */
  readonly ended: readonly EndedAuthority[];
  /** The workloads whose pods refuse what is signed, and would accept it if an older generation vouched for it, which can. */
  readonly refusing: readonly Fault[];
  readonly issuer: {
    readonly faults: readonly Fault[];
    /** The cert-manager Certificate that renews it; absent if someone else does. */
    readonly certificate?: string | undefined;
    /** Why cert-manager cannot issue it. */
    readonly hindrances: readonly Fault[];
  };
  readonly identity: readonly IdentityFault[];
  /** The Certificates of the webhooks that have to be issued again, those of authorities first. */
  readonly webhooks: {
    readonly faults: readonly (Fault & { readonly certificate?: string | undefined })[];
    readonly hindrances: readonly Fault[];
  };
  /** The control plane's own workloads come first. */
  readonly stranded: readonly Stranded[];
  /** Of the namespace of the control plane. */
  readonly namespace: string;
  /** How long the workloads outside of the control plane take, in milliseconds. */
  readonly restartMilliseconds: number;
  /** Workloads that should have a proxy, and have pods without one. */
  readonly unmeshed: readonly Workload[];
  /** What could not be looked at. */
  readonly unseen: readonly string[];
}

/**
 * - `bundle`: the ConfigMap of the anchors gets back what the stack has installed.
 * - `update`: `pulumi up --refresh`.
 * - `reissue`: the same, which also issues again what has ended of the anchors, each with its own key.
 * - `vouch`: the same, with an older generation that vouches again for the one that signs.
 * - `issuer`: cert-manager issues the identity issuer again.
 * - `reload`: nothing but the kubelet's time until identity gets the issuer.
 * - `identity`: the identity controllers restart.
 * - `webhooks`: cert-manager issues the webhooks' certificates again.
 * - `controlPlane`: the other parts of the control plane restart.
 * - `workloads`: the pods that cannot come back restart, paced.
 */
export type RemedyName =
  | "bundle"
  | "update"
  | "reissue"
  | "vouch"
  | "issuer"
  | "reload"
  | "identity"
  | "webhooks"
  | "controlPlane"
  | "workloads";

export interface Remedy {
  readonly name: RemedyName;
  /** What is done, as the end of a sentence that begins with "To". */
  readonly does: string;
  /** What is found. */
  readonly found: readonly Fault[];
  /** Why this helps, and nothing less does. */
  readonly why: string;
  readonly interrupts: string;
  /** How long it takes as a rule, in milliseconds. */
  readonly milliseconds: number;
}

/** What is left to someone else, and why. */
export interface Obstacle extends Fault {
  readonly fix: string;
}

export interface Plan {
  /** In their order. Later ones may turn out not to be needed. */
  readonly remedies: readonly Remedy[];
  readonly obstacles: readonly Obstacle[];
  /** What is done once it is found that nothing stands in the way any more. */
  readonly waiting: readonly Remedy[];
  /** Whether more can be seen once the first remedies are done. */
  readonly isPartial: boolean;
}

const second = 1000;
const minute = 60 * second;

/** Without remedies and obstacles: there is nothing to recover. */
export function planOf(evidence: Evidence): Plan {
  const { mesh, objects } = evidence;
  const update = reissueRemedy(evidence) ?? vouchRemedy(evidence) ?? updateRemedy(evidence);
  const ground = [bundleRemedy(evidence), update].filter((one) => one !== undefined);
  if (mesh === undefined) {
    return { remedies: ground, waiting: [], obstacles: bundleObstacles(evidence), isPartial: true };
  }
  const hindrances = hindrancesOf(mesh);
  const isHeld = hindrances.length > 0;
  const [identity, webhooks, restarts] = [
    [...identityRemedies(mesh)],
    [...webhookRemedies(mesh)],
    [...restartRemedies(mesh)],
  ];
  return {
    remedies: [...ground, ...(isHeld ? webhooks : [...identity, ...webhooks, ...restarts])],
    waiting: isHeld ? [...identity, ...restarts] : [],
    obstacles: [
      ...bundleObstacles(evidence),
      // What pulumi up puts back may be all that stands in the way.
      ...(objects.length > 0 ? [] : hindrances),
      ...leftToOthers(mesh, objects.length > 0),
    ],
    isPartial: false,
  };
}

function bundleRemedy({ bundle, ownsBundle }: Evidence): Remedy | undefined {
  if (bundle === undefined || !ownsBundle) return undefined;
  return {
    name: "bundle",
    does: "give the ConfigMap of the trust anchors what the stack has installed",
    found: [bundle],
    why: "Every proxy and every controller that starts reads its anchors there, and ends without them, or trusts no one of the mesh.",
    interrupts: "nothing: what runs has read its anchors at its start",
    milliseconds: second,
  };
}

function bundleObstacles({ bundle, ownsBundle }: Evidence): readonly Obstacle[] {
  if (bundle === undefined || ownsBundle) return [];
  return [
    {
      ...bundle,
      fix: "trust-manager writes it from the anchor that is on the cluster: see whether it runs, and its Bundle (docs/credentials.md).",
    },
  ];
}

/** An update that does no more is refused: Pulumi would not replace what has ended and is protected. */
function reissueRemedy(evidence: Evidence): Remedy | undefined {
  const ended = evidence.mesh?.ended ?? [];
  if (ended.length === 0 || ended.some(({ fix }) => fix !== undefined)) return undefined;
  return {
    name: "reissue",
    does: "run pulumi up --refresh, which issues again what has ended of the trust anchors, with the keys that they have",
    found: [...ended, ...updateFaults(evidence)],
    why: "A proxy knows an anchor by its name and key, whatever its end: what holds the old certificate accepts what is signed below the new one, and no pod has to be restarted for it. Another anchor would cut off every pod until it was. Only a key that may be in someone else's hands makes that worth it: npm run -s rotate -- begin --distrust",
    interrupts: ended.some(({ isRoot }) => isRoot)
      ? "no connection; the control plane restarts, and until identity runs, no proxy gets a certificate"
      : "nothing",
    milliseconds: 2 * minute,
  };
}

function vouchRemedy(evidence: Evidence): Remedy | undefined {
  const refusing = evidence.mesh?.refusing ?? [];
  if (refusing.length === 0) return undefined;
  return {
    name: "vouch",
    does: "let the older generation vouch for the one that signs (crossSignTrustAnchors: true), and run pulumi up --refresh",
    found: [...refusing, ...updateFaults(evidence)],
    why: "These pods trust the older generation alone. By its word they accept what is signed from then on, without a restart; what has been issued before without it, and is refused by them, is restarted in their place. rotate finish takes it back when each has been restarted for whatever reason.",
    interrupts: "nothing",
    milliseconds: minute,
  };
}

const updateFaults = ({ objects, unfinished }: Evidence): readonly Fault[] => [
  ...unfinished.map((message) => ({ subject: "pulumi up", message })),
  ...objects,
];

function updateRemedy(evidence: Evidence): Remedy | undefined {
  const found = updateFaults(evidence);
  if (found.length === 0) return undefined;
  return {
    name: "update",
    does: "run pulumi up --refresh",
    found,
    why: "The stack has made these objects and has what they hold, the anchor's key too: it puts back the same ones, and makes no new anchor.",
    interrupts: "nothing that runs, unless settings of the stack wait to be applied, which it applies too",
    milliseconds: minute,
  };
}

/** Why nothing that stands on the issuer is done. */
function hindrancesOf({ ended, issuer }: MeshEvidence): readonly Obstacle[] {
  const theirs = ended.flatMap(({ subject, message, fix }) =>
    fix === undefined ? [] : { subject, message, fix },
  );
  if (theirs.length > 0) return theirs;
  if (issuer.faults.length === 0) return [];
  if (issuer.certificate === undefined) {
    return issuer.faults.map((fault) => ({
      ...fault,
      fix: "cert-manager has not written it, and so does not renew it: whoever keeps it has to write it, with tls.crt, tls.key and ca.crt (docs/credentials.md).",
    }));
  }
  return issuer.hindrances.map(hindered);
}

function* identityRemedies({ issuer, identity }: MeshEvidence): Iterable<Remedy> {
  // One of someone else's is theirs to write.
  if (issuer.faults.length > 0 && issuer.certificate !== undefined) {
    yield {
      name: "issuer",
      does: "have cert-manager issue the identity issuer again",
      found: issuer.faults,
      why: "The anchor that signs it is sound by then, and so nothing but the issuer has to be made anew.",
      interrupts: "nothing",
      milliseconds: 10 * second,
    };
  }
  if (identity.length === 0) return;
  if (issuer.faults.length === 0 && identity.every(({ isComing }) => isComing)) {
    yield {
      name: "reload",
      does: "wait until the kubelet has brought identity the issuer",
      found: identity,
      why: "It loads a new issuer by itself when its volume changes, within two minutes.",
      interrupts: "nothing",
      milliseconds: 2 * minute,
    };
    return;
  }
  yield {
    name: "identity",
    does: "restart the identity controllers",
    found: identity,
    why: "They look at the issuer and at the anchors when they start, and not again at what they have refused or missed.",
    interrupts: "no connection; until they run, no proxy gets a certificate",
    milliseconds: minute,
  };
}

function* webhookRemedies({ webhooks }: MeshEvidence): Iterable<Remedy> {
  const issued = webhooks.faults.filter(({ certificate }) => certificate !== undefined);
  if (issued.length === 0 || webhooks.hindrances.length > 0) return;
  yield {
    name: "webhooks",
    does: "have cert-manager issue the webhooks' certificates again",
    found: issued,
    why: "The API server does not trust what they have now. Unless their failure policy is Fail, it goes on without them, and pods come up without a proxy.",
    interrupts: "nothing: each webhook loads its certificate by itself",
    milliseconds: 30 * second,
  };
}

function* restartRemedies({ stranded, namespace, restartMilliseconds }: MeshEvidence): Iterable<Remedy> {
  const restartable = stranded.filter(({ canRestart }) => canRestart);
  const isOurs = ({ workload }: Stranded) => workload.namespace === namespace;
  const ours = restartable.filter(isOurs);
  const others = restartable.filter((one) => !isOurs(one));
  const why =
    "A proxy whose certificate has ended, or that trusts other anchors, never gets another certificate: only a new pod does.";
  if (ours.length > 0) {
    yield {
      name: "controlPlane",
      does: `restart ${countOf(ours.length, "workload")} of the control plane`,
      found: ours.map(faultOf),
      why,
      interrupts:
        "no connection; until they run, new pods get no proxy, and proxies learn of no new endpoint",
      milliseconds: minute,
    };
  }
  if (others.length > 0) {
    const pods = others.reduce((sum, one) => sum + one.pods, 0);
    yield {
      name: "workloads",
      does: `restart ${countOf(others.length, "workload")}, a few at a time, as their PodDisruptionBudgets allow`,
      found: others.map(faultOf),
      why,
      interrupts: `the connections of ${countOf(pods, "pod")}, each once; they fail already wherever the mesh is used`,
      milliseconds: restartMilliseconds,
    };
  }
}

const hindered = (fault: Fault): Obstacle => ({
  ...fault,
  fix: "cert-manager cannot issue before that is mended.",
});

function leftToOthers(
  { webhooks, stranded, unmeshed, unseen }: MeshEvidence,
  lacksObjects: boolean,
): readonly Obstacle[] {
  const needsIssuance = webhooks.faults.some(({ certificate }) => certificate !== undefined);
  return [
    ...(needsIssuance ? webhooks.hindrances.map(hindered) : []),
    ...webhooks.faults
      .filter(({ certificate }) => certificate === undefined && !lacksObjects)
      .map(({ subject, message }) => ({
        subject,
        message,
        fix: "The chart has made this certificate: upgrade its release, which makes another one.",
      })),
    ...stranded
      .filter(({ canRestart }) => !canRestart)
      .map((one) => ({ ...faultOf(one), fix: "Whoever has made it has to make it anew." })),
    ...unmeshed.map((workload) => ({
      subject: nameOfWorkload(workload),
      message: "It has pods without a proxy, which came up while the injector was not asked.",
      fix: "Restart it when that suits it: nothing of it is in the mesh.",
    })),
    ...unseen.map((message) => ({
      subject: "This user",
      message,
      fix: "Let this user read what is named (docs/status.md), or recover as another one.",
    })),
  ];
}

const faultOf = ({ workload, pods, reason }: Stranded): Fault => ({
  subject: nameOfWorkload(workload),
  message: `${countOf(pods, "pod")}: ${reason}.`,
});
