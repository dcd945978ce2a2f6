/**
 * The status as metrics for Prometheus: what neither cert-manager nor Linkerd exports.
 *
 * What they do export is left to them: ends and renewals of Certificates, the end of the loaded issuer, every proxy's leaf.
 * No label is called `namespace` or `pod`, which Prometheus gives to what it scrapes by itself.
 */

import { bundleStates } from "../../rules/mesh/heldBundle.ts";
import { leafStates } from "../../rules/mesh/leaves.ts";
import { seenStages } from "../../rules/rotation/seenStage.ts";
import { exitCodes } from "../exitCodes.ts";
import { exposition, type Gauge, type Sample } from "./exposition.ts";
import type { StatusFacts } from "./json.ts";

/** The text, in an order that depends on the status alone. */
export function statusMetrics(facts: StatusFacts): string {
  const gauges = [
    ...lookGauges(facts),
    ...anchorGauges(facts),
    ...rotationGauges(facts),
    ...issuerGauges(facts),
    ...podGauges(facts),
    ...leafGauges(facts),
  ];
  return exposition(gauges.map((gauge) => ({ ...gauge, name: `linkerd_credentials_${gauge.name}` })));
}

const exitCodeOf = { ok: exitCodes.ok, warning: exitCodes.warning, problem: exitCodes.error } as const;

function lookGauges({ readAt, verdict, problems }: StatusFacts): Gauge[] {
  const byRule = [...Map.groupBy(problems, ({ rule }) => rule)].sort(([one], [other]) => compare(one, other));
  return [
    {
      name: "status_timestamp_seconds",
      help: "When the mesh was looked at.",
      samples: one(seconds(readAt)),
    },
    {
      name: "status_exit_code",
      help: "The verdict as status exits with it: 0 if all is well, 1 with warnings only, 2 otherwise.",
      samples: one(exitCodeOf[verdict]),
    },
    {
      name: "problems",
      help: "Problems that were found, by the rule of docs/errors.md that is broken.",
      samples: byRule.map(([rule, found]) => ({
        labels: { rule, severity: found[0]!.severity },
        value: found.length,
      })),
    },
  ];
}

function anchorGauges({ generations }: StatusFacts): Gauge[] {
  const of = (value: (generation: StatusFacts["generations"][number]) => number) =>
    generations.map((generation) => ({ labels: anchorLabels(generation), value: value(generation) }));
  return [
    {
      name: "trust_anchor_not_before_timestamp_seconds",
      help: "Begin of a trust anchor's validity. The generation is empty for one that this program has not named.",
      samples: of(({ notBefore }) => seconds(notBefore)),
    },
    {
      name: "trust_anchor_not_after_timestamp_seconds",
      help: "End of a trust anchor's validity.",
      samples: of(({ notAfter }) => seconds(notAfter)),
    },
    {
      name: "trust_anchor_in_bundle",
      help: "1 if the mesh's bundle has the trust anchor, and 0 otherwise.",
      samples: of(({ isInBundle }) => Number(isInBundle)),
    },
    {
      name: "trust_anchor_signs",
      help: "1 if the stored identity issuer is below the trust anchor, and 0 otherwise.",
      samples: of(({ signs }) => Number(signs)),
    },
    {
      name: "cross_certificate_not_after_timestamp_seconds",
      help: "End of a certificate by which one trust anchor vouches for another. After it, no leaf over it is valid.",
      samples: generations.flatMap((generation) =>
        generation.vouchers.map(({ fingerprintSha256, notAfter }) => ({
          labels: { ...anchorLabels(generation), fingerprint_sha256: fingerprintSha256 },
          value: seconds(notAfter),
        })),
      ),
    },
  ];
}

const anchorLabels = ({
  generation,
  subject,
  fingerprintSha256,
}: Pick<StatusFacts["generations"][number], "generation" | "subject" | "fingerprintSha256">) => ({
  generation: `${generation ?? ""}`,
  subject,
  fingerprint_sha256: fingerprintSha256,
});

function rotationGauges({ generations, rotation }: StatusFacts): Gauge[] {
  return [
    {
      name: "signing_generation",
      help: "Number of the trust anchor that signs; absent if it has none.",
      samples: one(generations.find(({ signs }) => signs)?.generation),
    },
    {
      name: "rotation_phase",
      help: "1 for the phase in which the rotation of the trust anchor is, and 0 for the others.",
      samples:
        rotation === undefined
          ? []
          : seenStages.map((phase) => ({ labels: { phase }, value: Number(phase === rotation.phase) })),
    },
    {
      name: "rotation_since_timestamp_seconds",
      help: "When the bundle was last written; absent if no rotation is under way.",
      samples: one(rotation?.since && seconds(rotation.since)),
    },
    {
      name: "rotation_deadline_timestamp_seconds",
      help: "The first end of a cross certificate, before which the rotation has to be finished.",
      samples: one(rotation?.deadline && seconds(rotation.deadline)),
    },
  ];
}

function issuerGauges({ issuer, loaded, lastReload }: StatusFacts): Gauge[] {
  const known = loaded.flatMap(({ podName, issuer: own }) => (own === undefined ? [] : [{ podName, own }]));
  const ofReplicas = (value: (own: (typeof known)[number]["own"]) => number) =>
    known
      .map(({ podName, own }) => ({ labels: { replica: podName }, value: value(own) }))
      .sort((left, right) => compare(left.labels.replica, right.labels.replica));
  return [
    {
      name: "issuer_not_before_timestamp_seconds",
      help: "Begin of the validity of the identity issuer that is stored.",
      samples: one(issuer.notBefore && seconds(issuer.notBefore)),
    },
    {
      name: "issuer_not_after_timestamp_seconds",
      help: "End of the validity of the identity issuer that is stored.",
      samples: one(issuer.notAfter && seconds(issuer.notAfter)),
    },
    {
      name: "issuer_failed_attempts",
      help: "Attempts of cert-manager to issue the identity issuer that have failed since its last success.",
      samples: one(issuer.failedAttempts),
    },
    {
      name: "issuer_retries_before_end",
      help: "How often cert-manager tries again before the end of the stored identity issuer.",
      samples: one(issuer.retriesBeforeEnd),
    },
    {
      name: "issuer_loaded",
      help: "1 if this replica of the identity controller signs with the issuer that is stored, and 0 if with another.",
      samples: ofReplicas((own) => Number(own.fingerprintSha256 === issuer.fingerprintSha256)),
    },
    {
      name: "issuer_loaded_not_before_timestamp_seconds",
      help: "Begin of the validity of the identity issuer with which this replica signs.",
      samples: ofReplicas(({ notBefore }) => seconds(notBefore)),
    },
    {
      name: "issuer_loaded_not_after_timestamp_seconds",
      help: "End of the validity of the identity issuer with which this replica signs.",
      samples: ofReplicas(({ notAfter }) => seconds(notAfter)),
    },
    {
      name: "issuer_reload_timestamp_seconds",
      help: "When an identity controller last said something of its issuer, and what, as Kubernetes keeps it for an hour.",
      samples:
        lastReload === undefined
          ? []
          : [{ labels: { reason: lastReload.reason }, value: seconds(lastReload.time) }],
    },
  ];
}

/** By namespace, not by workload: in a rotation, every workload of the mesh has outdated pods for a while. */
function podGauges({ mesh }: StatusFacts): Gauge[] {
  const held = (mesh?.bundles ?? []).flatMap(({ state, workloads }) =>
    workloads.map(({ namespace, pods }) => ({ state, namespace, pods })),
  );
  const namespaces = [...new Set(held.map(({ namespace }) => namespace))].sort(compare);
  return [
    {
      name: "pods",
      help: "Meshed pods by how the trust anchors with which they started stand to those of the bundle.",
      samples: namespaces.flatMap((namespace) =>
        bundleStates.map((state) => ({
          labels: { meshed_namespace: namespace, state },
          value: held
            .filter((one) => one.namespace === namespace && one.state === state)
            .reduce((sum, { pods }) => sum + pods, 0),
        })),
      ),
    },
  ];
}

/** Of the proxies that were asked. One that has not shown its leaf is in no state. */
function leafGauges({ mesh }: StatusFacts): Gauge[] {
  if (mesh === undefined) return [];
  const ends = mesh.leaves.flatMap((leaf) => ("notAfter" in leaf ? [seconds(leaf.notAfter)] : []));
  return [
    {
      name: "leaves",
      help: "Proxies that were asked for their own certificate, by its state.",
      samples: [...leafStates, "unknown"].map((state) => ({
        labels: { state },
        value: mesh.leaves.filter((leaf) => (leaf.state ?? "unknown") === state).length,
      })),
    },
    {
      name: "leaf_first_not_after_timestamp_seconds",
      help: "The first end of a certificate of the proxies that were asked.",
      samples: ends.length === 0 ? [] : one(Math.min(...ends)),
    },
  ];
}

const one = (value: number | undefined): readonly Sample[] => (value === undefined ? [] : [{ value }]);
const seconds = (time: Date) => time.getTime() / 1000;
const compare = (left: string, right: string) => (left < right ? -1 : left > right ? 1 : 0);
