/** The status as JSON, by the schema in docs/status.schema.json: certificates as facts, times as RFC 3339. */
import { conditionOf } from "../../mesh/certManager.ts";
import { type MeshedPod, nameOfPod } from "../../mesh/meshedPods.ts";
import type { ParsedCertificate } from "../../rules/credentials/certificate.ts";
import { type Finding, verdictOf } from "../../rules/finding.ts";
import { generationOf } from "../../rules/mesh/generations.ts";
import { signingGeneration } from "../../rules/mesh/leaves.ts";
import { nameOfWorkload } from "../../rules/mesh/workload.ts";
import { seenStage } from "../../rules/rotation/seenStage.ts";
import { factsOf } from "../format.ts";
import { stateOf, workloadsOf } from "./dataPlaneVerdict.ts";
import type { MeshStatus } from "./read.ts";
import type { Credential } from "./renewal.ts";
import { isOf, retriesLeft } from "./table.ts";

const verdicts = { ok: "ok", warning: "warning", error: "problem" } as const;

/** What the JSON says, with dates as dates. */
export type StatusFacts = ReturnType<typeof statusFacts>;

export function statusJson(status: MeshStatus, problems: readonly Finding[], indentation = 2): string {
  return JSON.stringify(statusFacts(status, problems), undefined, indentation);
}

/** Of a problem, `what` is its field and its message. */
export function statusFacts(status: MeshStatus, problems: readonly Finding[]) {
  const { context, namespace, readAt, trust, anchorRenewedBy, issuer, webhooks, controllers, lastReload } =
    status;
  const { renewal } = status;
  return {
    verdict: verdicts[verdictOf(problems)],
    problems: problems.map((finding) => ({ what: `${finding.field}: ${finding.message}`, ...finding })),
    context,
    namespace,
    trustDomain: trust.purpose.trustDomain,
    readAt,
    unseen: status.unknown,
    emergencies: status.emergencies.map(({ object: { kind, namespace: place, name }, reason }) => ({
      kind,
      namespace: place,
      name,
      reason,
    })),
    distributedSha256: trust.distributedSha256,
    anchors: trust.anchors.map((anchor) => ({
      ...factsOf(anchor),
      ...(anchorRenewedBy !== undefined && isOf(anchorRenewedBy, anchor)
        ? { nextRenewal: anchorRenewedBy.status?.renewalTime }
        : {}),
    })),
    generations: status.generations.map(({ number, certificate, isInBundle, signs, vouchers }) => ({
      generation: number,
      ...factsOf(certificate),
      isInBundle,
      signs,
      vouchers: vouchers.map(({ certificate: cross, by }) => ({
        ...factsOf(cross),
        by: by && factsOf(by).fingerprintSha256,
      })),
    })),
    rotation: rotationFacts(status),
    sharedTrust: sharedTrustFacts(status),
    issuer: {
      ...credentialFacts(issuer),
      chain: issuer.intermediates.map(factsOf),
      failedAttempts: issuer.renewedBy?.status?.failedIssuanceAttempts ?? 0,
      retriesBeforeEnd: renewal && retriesLeft(status, renewal),
    },
    webhooks: webhooks.map((webhook) => ({
      name: webhook.name,
      ...credentialFacts(webhook),
      served: webhook.served.map(({ podName, chain, failure }) => ({
        podName,
        ...(chain && factsOf(chain[0]!)),
        failure,
      })),
    })),
    loaded: controllers.map(({ proof, ...controller }) => ({
      ...controller,
      issuer: proof && factsOf(proof.issuer),
      anchor: proof && factsOf(proof.anchor),
      leaf: proof && factsOf(proof.leaf),
    })),
    lastReload,
    renewal: renewal && {
      certManager: renewal.programs?.map(({ component, namespace, name, availableReplicas }) => ({
        component,
        namespace,
        name,
        availableReplicas,
      })),
      issuers: renewal.signers.map(({ issuer: found, isKnown, secret, ...signer }) => ({
        ...signer,
        ready: found && conditionOf(found, "Ready")?.status,
        secret: secret && { ...secret, certificates: secret.certificates.map(factsOf) },
      })),
    },
    mesh: dataPlaneFacts(status),
  };
}

function rotationFacts({ generations, trust }: MeshStatus) {
  const phase = seenStage(generations);
  if (phase === undefined) return undefined;
  const ends = generations.flatMap(({ vouchers }) =>
    vouchers.map(({ certificate }) => certificate.x509.validToDate.getTime()),
  );
  return {
    phase,
    since: phase === "idle" ? undefined : trust.bundleWrittenAt,
    deadline: ends.length === 0 ? undefined : new Date(Math.min(...ends)),
  };
}

function credentialFacts({ secretName, certificate, unreadable, renewedBy }: Credential) {
  return {
    secretName,
    ...(certificate && factsOf(certificate)),
    unreadable,
    certificateName: renewedBy?.metadata.name,
    nextRenewal: renewedBy?.status?.renewalTime,
  };
}

function sharedTrustFacts({ sharedTrust, generations }: MeshStatus) {
  if (sharedTrust === undefined) return undefined;
  const facts = (anchors: readonly ParsedCertificate[]) =>
    anchors.map((anchor) => ({
      generation: generationOf(anchor, generations)?.number,
      ...factsOf(anchor),
    }));
  return {
    own: sharedTrust.own && facts(sharedTrust.own),
    linked: sharedTrust.linked.map(({ own, bundle, ...linked }) => ({
      ...linked,
      own: own && facts(own),
      anchors: facts(bundle),
    })),
  };
}

function dataPlaneFacts(status: MeshStatus) {
  const { dataPlane } = status;
  if (dataPlane === undefined) return undefined;
  const { pods, externalWorkloads, bundles, leaves, reports } = dataPlane;
  return {
    pods,
    externalWorkloads,
    bundles: bundles.map(({ state, sha256, anchors, skipped, reason, pods: holders }) => ({
      state,
      sha256,
      anchors: anchors?.map((anchor) => factsOf(anchor).fingerprintSha256),
      skipped,
      reason,
      pods: holders.length,
      workloads: workloadFacts(holders),
    })),
    leaves: leaves.map((one) => {
      const { pod, leaf, intermediates, failedRefreshes, failure } = one;
      const signer = leaf && signingGeneration(leaf, intermediates, status.generations);
      return {
        pod: nameOfPod(pod),
        state: stateOf(one, status),
        ...(leaf && factsOf(leaf)),
        generation: signer?.number,
        failedRefreshes,
        failure,
      };
    }),
    reported: reports && { leaves: reports.reports.length, failure: reports.failure },
  };
}

/** Those with the oldest pods first. */
function workloadFacts(pods: readonly MeshedPod[]) {
  const byWorkload = Map.groupBy(pods, ({ workload }) => nameOfWorkload(workload));
  return workloadsOf(pods).map((workload) => {
    const own = byWorkload.get(nameOfWorkload(workload))!;
    const oldest = own.reduce((one, other) => (other.createdAt < one.createdAt ? other : one));
    return { ...workload, pods: own.length, oldest: oldest.createdAt };
  });
}
