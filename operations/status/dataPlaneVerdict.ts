/** What is wrong with what the mesh's pods trust, and with the certificates that their proxies have. */
import { type MeshedPod, nameOfPod } from "../../mesh/meshedPods.ts";
import type { ProxyLeaf } from "../../mesh/proxyLeaf.ts";
import { outsideValidity } from "../../rules/credentials/certificate.ts";
import { decodePem } from "../../rules/credentials/pem.ts";
import type { Finding } from "../../rules/finding.ts";
import { type IssuedChain, refusalOf } from "../../rules/mesh/heldBundle.ts";
import { type LeafState, leafState, lifeState } from "../../rules/mesh/leaves.ts";
import { isProxyAnchor } from "../../rules/mesh/proxyAnchor.ts";
import { nameOfWorkload, type Workload } from "../../rules/mesh/workload.ts";
import { broken } from "../../rules/rules.ts";
import { formatTime } from "../format.ts";
import type { DataPlane } from "./dataPlane.ts";
import type { MeshStatus } from "./read.ts";

/** Longer lists are for the JSON. */
const mostNamed = 5;

/** None if every pod accepts what is signed now, and every leaf that is known is alive. */
export function dataPlaneProblems(status: MeshStatus): readonly Finding[] {
  const { dataPlane } = status;
  if (dataPlane === undefined) return [];
  return [...bundleProblems(status, dataPlane), ...leafProblems(status, dataPlane)];
}

/** The pods that only a restart helps, and why. */
export function podsToRestart(status: MeshStatus): ReadonlyMap<MeshedPod, string> {
  const { dataPlane } = status;
  const reasons = new Map<MeshedPod, string>();
  for (const { anchors, skipped, pods } of dataPlane?.bundles ?? []) {
    const refusal = anchors && refusalOfIssued(status, anchors);
    const reason =
      refusal !== undefined
        ? `refuses what identity signs: ${refusal}`
        : skipped > 0 && isReadable(status)
          ? "cannot read all of the bundle with which it started, and could now"
          : undefined;
    if (reason !== undefined) for (const pod of pods) reasons.set(pod, reason);
  }
  for (const one of dataPlane?.leaves ?? []) {
    const state = stateOf(one, status);
    if (state === "ended")
      reasons.set(one.pod, `its leaf ended at ${formatTime(one.leaf!.x509.validToDate)}`);
    if (state === "refused") reasons.set(one.pod, "its leaf leads to no anchor of the mesh");
  }
  for (const pod of endedByReport(status)) {
    if (!reasons.has(pod)) reasons.set(pod, "its leaf has ended, by its own metrics");
  }
  return reasons;
}

/** Whether a proxy that starts now can read every certificate of the mesh's bundle. */
const isReadable = ({ trust: { bundle, anchors } }: MeshStatus) =>
  decodePem(bundle.text).blocks.length === anchors.filter(isProxyAnchor).length;

/** By what identity hands out now: the anchors may be those of the mesh, and the chain not reach them. */
export function refusalOfIssued(
  { controllers, readAt }: Pick<MeshStatus, "controllers" | "readAt">,
  anchors: NonNullable<DataPlane["bundles"][number]["anchors"]>,
): string | undefined {
  // One that has ended when it is issued is refused by everyone, and says nothing about these anchors.
  const issued: readonly IssuedChain[] = controllers
    .flatMap(({ proof }) => proof ?? [])
    .filter(({ leaf }) => outsideValidity(leaf, readAt) === undefined);
  return issued.map((chain) => refusalOf(chain, anchors, readAt)).find((reason) => reason !== undefined);
}

function* bundleProblems(status: MeshStatus, { bundles }: DataPlane): Iterable<Finding> {
  for (const { state, anchors, skipped, reason, pods } of bundles) {
    const field = describePods(pods);
    if (anchors === undefined) {
      const message = `The anchors of ${count(pods)} are not known: ${reason}.`;
      yield broken("pods-bundle-known", { field, message });
      continue;
    }
    if (skipped > 0) {
      yield broken("pods-read-bundle", {
        field,
        message: `Of the bundle with which ${count(pods)} started, ${skipped} of ${anchors.length + skipped} certificates cannot be read: proxies go without.`,
      });
    }
    const refusal = refusalOfIssued(status, anchors);
    if (refusal !== undefined) {
      yield broken("pods-accept-issuer", {
        field,
        message: `The leaves that identity hands out are refused by ${count(pods)}, those of all other pods and their own next ones: ${refusal}`,
      });
    } else if (state === "stale") {
      yield broken("pods-hold-anchor", {
        field,
        message: `None of the mesh's anchors is held by ${count(pods)}: what is signed now is accepted there by a cross certificate alone.`,
      });
    }
  }
}

function* leafProblems(status: MeshStatus, { leaves }: DataPlane): Iterable<Finding> {
  const inState = (state: LeafState) =>
    leaves.filter((one) => stateOf(one, status) === state).map(({ pod }) => pod);
  const ended = [...new Set([...inState("ended"), ...endedByReport(status)])];
  if (ended.length > 0) {
    yield broken("leaf-ended", {
      field: describePods(ended),
      message: `The leaves of ${count(ended)} have ended, and no proxy gets a new one with an ended leaf, though its pod is Ready and linkerd check --proxy says nothing.`,
    });
  }
  const refused = inState("refused");
  if (refused.length > 0) {
    yield broken("leaf-trusted", {
      field: describePods(refused),
      message: `The leaves of ${count(refused)} lead to no anchor of the mesh: no pod that was started with its bundle accepts them.`,
    });
  }
  const failing = [...new Set([...inState("failing"), ...reportedAs("failing", status)])].filter(
    (pod) => !ended.includes(pod),
  );
  if (failing.length > 0) {
    yield broken("leaf-refreshed", {
      field: describePods(failing),
      message: `The leaves of ${count(failing)} should have been refreshed by now, and have not been.`,
    });
  }
  const silent = leaves.filter(({ failure, isStarting }) => failure !== undefined && !isStarting);
  if (silent.length > 0) {
    yield broken("leaf-known", {
      field: describePods(silent.map(({ pod }) => pod)),
      message: `No leaf is shown by ${silent.length} of the ${leaves.length} proxies that were asked: ${silent[0]!.failure}`,
    });
  }
}

/** `undefined` if the proxy has shown none. */
export function stateOf(
  { leaf, intermediates, failedRefreshes }: ProxyLeaf,
  { trust, readAt }: Pick<MeshStatus, "trust" | "readAt">,
): LeafState | undefined {
  return leaf && leafState(leaf, intermediates, failedRefreshes, trust.anchors, readAt);
}

const endedByReport = (status: MeshStatus) => reportedAs("ended", status);

/** Those that are still there: Prometheus remembers pods that have gone. */
function reportedAs(state: LeafState, { dataPlane, readAt }: MeshStatus): readonly MeshedPod[] {
  const reports = (dataPlane?.reports?.reports ?? []).filter(
    ({ from = readAt, ...life }) => lifeState({ from, ...life }, readAt) === state,
  );
  const names = new Set(reports.map(nameOfPod));
  const pods = names.size === 0 ? [] : dataPlane!.bundles.flatMap((bundle) => bundle.pods);
  return pods.filter((pod) => names.has(nameOfPod(pod)));
}

const count = ({ length }: readonly unknown[]) => (length === 1 ? "1 pod" : `${length} pods`);

/** Their workloads, those with the oldest pods first. */
export function workloadsOf(pods: readonly MeshedPod[]): readonly Workload[] {
  const byAge = pods.toSorted((one, other) => one.createdAt.getTime() - other.createdAt.getTime());
  return [...new Map(byAge.map(({ workload }) => [nameOfWorkload(workload), workload])).values()];
}

/** `Deployment shop/web, Pod shop/alone and 3 more` */
export function describePods(pods: readonly MeshedPod[]): string {
  const names = workloadsOf(pods).map(nameOfWorkload);
  const more = names.length - mostNamed;
  return `${names.slice(0, mostNamed).join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
}
