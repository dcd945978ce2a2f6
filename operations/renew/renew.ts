/** `npm run -s renew`, which tells each piece of evidence as it comes. */
import { EventEmitter, on } from "node:events";
import { askToIssue, certificateRequests, certificates } from "../../mesh/certManager.ts";
import type { Mesh } from "../../mesh/cluster.ts";
import {
  controllerEvents,
  type LoadedIssuer,
  loadedIssuers,
  reloadEvents,
} from "../../mesh/identityController.ts";
import { readStoredCertificate, watchStoredCertificate } from "../../mesh/storedCertificate.ts";
import { readTrust } from "../../mesh/trust.ts";
import { listObjects, watchObjects } from "../../mesh/watch.ts";
import type { ParsedCertificate } from "../../rules/credentials/certificate.ts";
import { identityIssuerName } from "../../rules/linkerdNames.ts";
import { runCommand } from "../command.ts";
import { factsOf, formatSpan } from "../format.ts";
import {
  awaitedNext,
  type Before,
  type Problem,
  type Progress,
  progressOf,
  type Seen,
  type Step,
  steps,
} from "./evidence.ts";

/** No watch tells what a process has loaded; it is asked at every change, and this often. */
const askAgainMilliseconds = 5_000;
/** Events are best effort: Kubernetes' clients drop them if there are many. Certify is the proof. */
const eventGraceMilliseconds = 5_000;

interface Evidence {
  readonly step: Step;
  readonly what: string;
  /** Since cert-manager was asked. */
  readonly elapsedMilliseconds: number;
}

interface Renewal {
  /** Every running identity controller has loaded the renewed issuer. */
  readonly renewed: boolean;
  /** An issuance was under way already; no other one was asked for. */
  readonly joined: boolean;
  readonly evidence: readonly Evidence[];
  readonly problem: Problem | undefined;
  /** The issuer that is in the Secret at the end. */
  readonly issuer: ParsedCertificate | undefined;
}

/**
 * Renews the identity issuer, and waits until it is loaded or the cluster's signal ends the wait.
 *
 * Renewals that overlap are one, and all of them end once the newest issuer is loaded.
 *
 * @param onEvidence called with each piece of evidence as soon as it is seen.
 * @throws Error if the cluster cannot be asked for a renewal, or the wait was interrupted.
 */
async function renew(mesh: Mesh, onEvidence: (evidence: Evidence) => void): Promise<Renewal> {
  const [trust, certificateName] = await Promise.all([readTrust(mesh), findCertificate(mesh)]);
  const [stored, requests, events, loadedBefore] = await Promise.all([
    readStoredCertificate(mesh, identityIssuerName),
    listObjects(certificateRequests(mesh)),
    listObjects(controllerEvents(mesh)),
    loadedIssuers(mesh, trust),
  ]);
  const begun = performance.now();
  const asked = await askToIssue(mesh, certificateName);
  const before: Before = {
    namespace: mesh.namespace,
    certificate: asked.before,
    joined: asked.joined,
    stored: stored.certificate,
    requests,
    events: reloadEvents(events),
    anchors: trust.anchors,
    loaded: loadedBefore,
  };

  const changes = new EventEmitter();
  const changed = () => changes.emit("change");
  const watcher = { onChange: changed, onError: (error: Error) => changes.emit("error", error) };
  const watched = {
    certificates: watchObjects(mesh, certificates(mesh), watcher),
    requests: watchObjects(mesh, certificateRequests(mesh), watcher),
    stored: watchStoredCertificate(mesh, identityIssuerName, watcher),
    events: watchObjects(mesh, controllerEvents(mesh), watcher),
  };
  let loaded: readonly LoadedIssuer[] = [];
  const see = (): Seen => ({
    certificate: watched.certificates.list().find(({ metadata }) => metadata.name === certificateName),
    requests: watched.requests.list(),
    stored: watched.stored.list()[0]!,
    events: reloadEvents(watched.events.list()),
    loaded,
  });

  const evidence: Evidence[] = [];
  const look = (): Progress => {
    const progress = progressOf(before, see());
    const elapsedMilliseconds = Math.round(performance.now() - begun);
    for (const step of steps) {
      const what = progress.evidence.get(step);
      if (what === undefined || evidence.some((known) => known.step === step)) continue;
      evidence.push({ step, what, elapsedMilliseconds });
      onEvidence(evidence.at(-1)!);
    }
    return progress;
  };
  const result = (problem?: Problem): Renewal => ({
    renewed: problem === undefined,
    joined: before.joined,
    evidence,
    problem,
    issuer: see().stored.certificate,
  });
  const ticker = setInterval(changed, askAgainMilliseconds);
  try {
    // The iterator keeps the changes that come while identity is being asked.
    const everyChange = on(changes, "change", { signal: mesh.signal });
    for (; ; await everyChange.next()) {
      let progress = look();
      if (progress.storedIsNew) {
        loaded = await loadedIssuers(mesh, trust);
        progress = look();
      }
      if (progress.failure !== undefined) return result(progress.failure);
      const proved = evidence.find(({ step }) => step === "loaded");
      if (proved === undefined) continue;
      const sinceProof = performance.now() - begun - proved.elapsedMilliseconds;
      if (progress.evidence.has("reloaded") || sinceProof > eventGraceMilliseconds) return result();
    }
  } catch (error) {
    if (mesh.signal.reason?.name !== "TimeoutError") throw error;
    const { what, fix } = awaitedNext(before, see(), progressOf(before, see()), new Date());
    return result({ what: `Waited ${formatSpan(performance.now() - begun)} for ${what}`, fix });
  } finally {
    clearInterval(ticker);
    for (const { stop } of Object.values(watched)) stop();
  }
}

async function findCertificate(mesh: Mesh): Promise<string> {
  const listed = await listObjects(certificates(mesh));
  const certificate = listed.find(({ spec }) => spec.secretName === identityIssuerName);
  if (certificate === undefined) {
    throw new Error(
      `No cert-manager Certificate in namespace ${mesh.namespace} has secretName ${identityIssuerName}, so nothing can be ` +
        "asked to renew it: is Linkerd installed by this program, in this namespace (--namespace)?",
    );
  }
  return certificate.metadata.name;
}

function verdict({ evidence, problem }: Renewal): string {
  if (problem !== undefined) return `Problem: ${problem.what}\n    Fix: ${problem.fix}`;
  const withoutEvent = evidence.some(({ step }) => step === "reloaded")
    ? ""
    : " No IssuerUpdated event came with it: Linkerd drops events that come often.";
  return `Renewed: the identity controllers have loaded the new issuer.${withoutEvent}`;
}

export const main = () =>
  runCommand({
    name: "renew",
    description:
      "Asks cert-manager to renew Linkerd's identity issuer now, and waits until the running identity controllers have " +
      "loaded the new one.",
    timeout: "3m",
    exitCodes: "0 if every identity controller has loaded the new issuer; 2 otherwise.",
    onInterrupt: "The renewal goes on in the cluster; see how it ends with: npm run -s status",
    run: async (mesh, { json }) => {
      const print = ({ what, elapsedMilliseconds }: Evidence) =>
        console.log(`${formatSpan(elapsedMilliseconds).padStart(10)}  ${what}`);
      const renewal = await renew(mesh, json ? () => {} : print);
      const issuer = renewal.issuer && factsOf(renewal.issuer);
      console.log(json ? JSON.stringify({ ...renewal, issuer }, undefined, 2) : `\n${verdict(renewal)}`);
      return renewal.renewed ? "ok" : "error";
    },
  });

if (import.meta.main) await main();
