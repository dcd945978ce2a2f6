/** What is found of a stack and its mesh: all that a plan goes by. */
import { listReleases } from "../../mesh/helmReleases.ts";
import { type MeshedPod, nameOfPod } from "../../mesh/meshedPods.ts";
import { found, ifAllowed } from "../../mesh/requests.ts";
import { canRestart } from "../../mesh/restart.ts";
import { certificatesOf, readMeshSettings } from "../../mesh/trust.ts";
import { readTrustRoots } from "../../mesh/trustRoots.ts";
import { listUnmeshed } from "../../mesh/unmeshedPods.ts";
import { countOf } from "../../rules/count.ts";
import {
  isSameAuthority,
  outsideValidity,
  type ParsedCertificate,
  quotedName,
} from "../../rules/credentials/certificate.ts";
import { parseCertificate } from "../../rules/credentials/parseCertificate.ts";
import type { PemText } from "../../rules/credentials/pemText.ts";
import { checkStoredIssuer, textOf } from "../../rules/credentials/storedIssuer.ts";
import type { Finding } from "../../rules/finding.ts";
import { identityDeploymentName, identityIssuerName, trustRootsName } from "../../rules/linkerdNames.ts";
import { nameOfWorkload, type Workload } from "../../rules/mesh/workload.ts";
import type { Evidence, Fault, IdentityFault, MeshEvidence, Stranded } from "../../rules/recovery/plan.ts";
import type { Settings } from "../../rules/settings/settings.ts";
import { isDelivered } from "../advice.ts";
import type { ConfiguredStack } from "../configuredStack.ts";
import { estimateOf } from "../restart.ts";
import { readState, type StackState } from "../stackState.ts";
import { podsToRestart } from "../status/dataPlaneVerdict.ts";
import { staleWebhooks } from "../status/fix.ts";
import { type MeshStatus, readStatus } from "../status/read.ts";
import { problemsOf } from "../status/verdict.ts";
import { endedAuthorities } from "./endedAuthorities.ts";
import { refusedPods, refusingPods } from "./refusingPods.ts";
import { findFaults } from "./stackObjects.ts";

/** A stack, what its state says, what is found, and the status of the mesh if its anchors can be read. */
export interface Look {
  readonly stack: ConfiguredStack;
  readonly state: StackState;
  readonly evidence: Evidence;
  readonly status?: MeshStatus | undefined;
}

/** @throws Error if the state or the cluster cannot be read, or Linkerd is not there. */
export async function look(stack: ConfiguredStack): Promise<Look> {
  const { mesh, settings } = stack;
  const { namespace } = mesh;
  const state = await readState(stack.name);
  const { isInstalled } = await readMeshSettings(mesh);
  if (!isInstalled) {
    throw new Error(
      `ConfigMap ${namespace}/linkerd-config does not exist: there is no Linkerd in namespace ${namespace} of context ${mesh.context} that could be recovered. ` +
        "If the cluster is a new one in the place of another, pulumi up --refresh installs everything again, with the anchor that the stack has.",
    );
  }
  if (state.objects.length === 0) {
    throw new Error(
      `By its state, stack ${stack.name} has made nothing, and Linkerd runs in namespace ${namespace} of context ${mesh.context}. ` +
        "If the state was lost, npm run -s adopt makes it anew from the cluster (docs/adoption.md).",
    );
  }
  const { trustAnchor, controlPlane } = settings;
  const ownsBundle = trustAnchor.source !== "cluster";
  const [text, objects, releases] = await Promise.all([
    readTrustRoots(mesh),
    findFaults(mesh, state),
    listReleases(mesh, ["linkerd-crds", "linkerd-control-plane", "linkerd2", "cert-manager"]),
  ]);
  const hanging = releases.filter(({ status }) => status.startsWith("pending-"));
  const unfinished = [
    ...state.pending,
    ...hanging.map(
      ({ namespace: where, name, status }) =>
        `Helm release ${where}/${name} is ${status}: an interrupted run has left it.`,
    ),
  ];
  // What an interrupted update has written is for the next one to judge; Linkerd 2.10 has no such ConfigMap.
  const isFor = unfinished.length === 0 && controlPlane.family?.externalCA !== false;
  const bundle = isFor ? bundleFault(namespace, text, state, ownsBundle) : undefined;
  const ground = { time: new Date(), unfinished, bundle, ownsBundle, objects };
  if (bundle !== undefined) return { stack, state, evidence: ground };
  const status = await readStatus(mesh, "all");
  const stored = await found(
    `Secret ${namespace}/${identityIssuerName}`,
    mesh.core.readNamespacedSecret({ name: identityIssuerName, namespace }),
  );
  const unknown = [...status.unknown];
  const unmeshed = await ifAllowed(listUnmeshed(mesh), (reason) => unknown.push(reason));
  const seen = { ...status, unknown };
  const evidence = { ...ground, mesh: meshEvidence(seen, stored?.data, state, settings, unmeshed ?? []) };
  return { stack, state, evidence, status };
}

/** Where the stack writes the bundle, it has what the release has; where someone else does, it has at least one certificate. */
export function bundleFault(
  namespace: string,
  text: string | undefined,
  { bundle }: Pick<StackState, "bundle">,
  ownsBundle: boolean,
): Fault | undefined {
  const subject = `ConfigMap ${namespace}/${trustRootsName}`;
  if (text === undefined) return { subject, message: "It does not exist, or has no ca-bundle.crt." };
  if (text.trim() === "") return { subject, message: "It is empty." };
  if (!ownsBundle || bundle === undefined || text.trim() === bundle.pem) return undefined;
  const [present, installed] = [text, bundle.pem].map((pem) => certificatesOf({ field: subject, text: pem }));
  const foreign = present!.filter(({ x509 }) => !installed!.some((one) => one.x509.raw.equals(x509.raw)));
  const leaving =
    foreign.length === 0 ? "" : `, and beside them or in their place ${foreign.map(quotedName).join(", ")}`;
  return {
    subject,
    message: `It holds another text than the anchors that the stack has installed${leaving}.`,
  };
}

export function meshEvidence(
  status: MeshStatus,
  stored: Readonly<Record<string, string>> | undefined,
  state: Pick<StackState, "anchors">,
  settings: Settings,
  unmeshed: readonly Workload[],
): MeshEvidence {
  const { namespace, issuer } = status;
  const problems = problemsOf(status);
  const refusing = refusingPods(status, state, settings);
  const stranded = strandedIn(status, problems, refusing, refusedPods(status, state));
  const isIdentity = ({ workload }: Stranded) =>
    workload.namespace === namespace && workload.name === identityDeploymentName;
  const outside = stranded.filter(({ workload }) => workload.namespace !== namespace);
  return {
    ended: endedAuthorities(status, state, settings),
    refusing: [...Map.groupBy(refusing, ({ workload }) => nameOfWorkload(workload))].map(
      ([subject, { length }]) => ({
        subject,
        message: `${countOf(length, "pod")}: refuses what identity signs, of which it knows only the generation before.`,
      }),
    ),
    issuer: {
      faults: [
        ...storedFaults(status, stored),
        ...ofCertificate(status, issuer.renewedBy?.metadata.name, problems),
      ],
      certificate: issuer.renewedBy?.metadata.name,
      hindrances: hindrances(status, problems, true),
    },
    identity: [
      ...identityFaults(status, problems),
      ...stranded.filter(isIdentity).map(({ reason }) => ({
        subject: `Deployment ${namespace}/${identityDeploymentName}`,
        message: `Its own proxy has to restart: ${reason}.`,
        isComing: false,
      })),
    ],
    webhooks: { faults: webhookFaults(status, problems), hindrances: hindrances(status, problems, false) },
    stranded: stranded.filter((one) => !isIdentity(one)),
    namespace,
    restartMilliseconds: estimateOf({ workloads: outside.filter((one) => one.canRestart) }),
    unmeshed,
    unseen: status.unknown,
  };
}

/** What is wrong with the Secret of the issuer, by the rules of `check`. */
function storedFaults(
  { namespace, trust, readAt }: MeshStatus,
  data: Readonly<Record<string, string>> | undefined,
): readonly Fault[] {
  const subject = `Secret ${namespace}/${identityIssuerName}`;
  if (data === undefined) return [{ subject, message: "It does not exist." }];
  const purpose = { ...trust.purpose, warnBefore: "0", now: readAt };
  const stored = { field: subject, data };
  return [
    ...checkStoredIssuer(stored, trust.bundle, purpose, parseCertificate)
      .filter(({ severity, field }) => severity === "error" && field.startsWith(subject))
      .map(({ field, message }) => ({ subject: field, message })),
    ...rootFaults(textOf(stored, "ca.crt"), trust.anchors, readAt),
  ];
}

/** The root beside the issuer is of when that was issued, and may have been issued again since. */
function* rootFaults(root: PemText, anchors: readonly ParsedCertificate[], time: Date): Iterable<Fault> {
  const [certificate] = certificatesOf(root);
  if (certificate === undefined || outsideValidity(certificate, time) === undefined) return;
  const isAlive = anchors.some(
    (anchor) => isSameAuthority(anchor, certificate) && outsideValidity(anchor, time) === undefined,
  );
  if (!isAlive) return;
  yield {
    subject: root.field,
    message: `It holds the root as it was before it was issued again, by which linkerd check fails: it ${outsideValidity(certificate, time)}.`,
  };
}

/** A renewal that fails, or is late. */
function ofCertificate(
  { namespace }: MeshStatus,
  name: string | undefined,
  problems: readonly Finding[],
): readonly Fault[] {
  return problems
    .filter(
      ({ rule, field }) => rule.startsWith("certificate-") && field === `Certificate ${namespace}/${name}`,
    )
    .map(faultOf);
}

const faultOf = ({ field, message }: Finding): Fault => ({ subject: field, message });

/** Why cert-manager cannot issue: its programs, and the issuers that sign. */
function hindrances(
  { renewal }: MeshStatus,
  problems: readonly Finding[],
  ofIdentity: boolean,
): readonly Fault[] {
  const fields = (renewal?.signers ?? [])
    .filter(({ signs }) => signs.includes(identityIssuerName) === ofIdentity)
    .flatMap(({ kind, namespace, name, isNamespaced, secret }) => [
      `${kind} ${isNamespaced ? `${namespace}/` : ""}${name}`,
      ...(secret === undefined ? [] : [`Secret ${secret.namespace}/${secret.name}`]),
    ]);
  return problems
    .filter(
      ({ rule, field }) =>
        rule === "cert-manager-running" ||
        (/^issuer-(exists|secret|ready)$/.test(rule) && fields.includes(field)),
    )
    .map(faultOf);
}

function identityFaults(
  { issuer, readAt }: MeshStatus,
  problems: readonly Finding[],
): readonly IdentityFault[] {
  const isComing = issuer.certificate !== undefined && !isDelivered(issuer.certificate, readAt);
  return problems
    .filter(({ rule }) => /^(controller-(running|answers|anchors)|issuer-(loaded|refused))$/.test(rule))
    .map((finding) => ({ ...faultOf(finding), isComing: finding.rule === "issuer-loaded" && isComing }));
}

/** Those of authorities first: what is below them stands on them. */
function webhookFaults(status: MeshStatus, problems: readonly Finding[]): MeshEvidence["webhooks"]["faults"] {
  const { namespace, webhooks, renewal, issuer } = status;
  const own = [issuer, ...webhooks].flatMap(({ renewedBy }) => renewedBy?.metadata.name ?? []);
  const authorities = (renewal?.certificates ?? [])
    .map(({ metadata }) => metadata)
    .filter(({ name, namespace: where = namespace }) => where === namespace && !own.includes(name));
  return [
    ...authorities.flatMap(({ name }) =>
      ofCertificate(status, name, problems).map((fault) => ({ ...fault, certificate: name })),
    ),
    ...webhooks.flatMap(({ secretName, renewedBy }) => {
      const certificate = renewedBy?.metadata.name;
      const stored = problems.filter(
        ({ rule, field }) =>
          /^(webhook-(chain|name)|stored-certificate)$/.test(rule) &&
          field === `Secret ${namespace}/${secretName}`,
      );
      const faults = [...stored.map(faultOf), ...ofCertificate(status, certificate, problems)];
      return faults.map((fault) => ({ ...fault, certificate }));
    }),
  ];
}

/** The pods that only a restart helps, by workload; those of the control plane first. */
function strandedIn(
  status: MeshStatus,
  problems: readonly Finding[],
  refusing: readonly MeshedPod[],
  refused: readonly MeshedPod[],
): readonly Stranded[] {
  const reasons = new Map<MeshedPod, string>([...podsToRestart(status), ...startedInVain(status)]);
  for (const pod of refusing) reasons.delete(pod);
  for (const pod of refused) {
    if (!reasons.has(pod)) reasons.set(pod, "its certificate is of before the older generation vouched");
  }
  const byWorkload = Map.groupBy(reasons, ([pod]) => nameOfWorkload(pod.workload));
  const stranded = [...byWorkload.values()].map((some): Stranded => {
    const [[{ workload }, reason]] = some as [[MeshedPod, string]];
    return { workload, canRestart: canRestart(workload), pods: some.length, reason };
  });
  const stale = staleWebhooks(status, problems)
    .filter(({ workload }) => !byWorkload.has(nameOfWorkload(workload)))
    .map(({ workload, reason }) => ({ workload, canRestart: true, pods: 1, reason }));
  const place = ({ workload }: Stranded) => Number(workload.namespace !== status.namespace);
  return [...stale, ...stranded].toSorted((one, other) => place(one) - place(other));
}

/** Pods whose proxies have started before the anchors were put right, with what they could not use. */
function* startedInVain({ dataPlane, trust }: MeshStatus): Iterable<[MeshedPod, string]> {
  const { bundleWrittenAt: written } = trust;
  if (dataPlane === undefined || written === undefined) return;
  const sound = new Set(
    dataPlane.bundles
      .filter(({ state }) => state === "current" || state === "overlapping")
      .flatMap(({ pods }) => pods.map(nameOfPod)),
  );
  for (const { pod, failure, isStarting } of dataPlane.leaves) {
    if (failure === undefined || !isStarting || sound.has(nameOfPod(pod)) || pod.createdAt > written)
      continue;
    yield [pod, "its proxy was started with anchors that it could not use"];
  }
}
