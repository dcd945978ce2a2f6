/** `docs/rotation-proof.md`: what a load of proxies saw of rotations, with this program and without. */

import { readFileSync } from "node:fs";
import { resolve } from "node:path";

const measuredFile = resolve(import.meta.dirname, "..", "test", "onRequest", "rotations.measured.json");

/** What became of the load while a step was taken. */
export interface RotationStep {
  /** What the step is a part of. */
  readonly way: string;
  readonly step: string;
  readonly seconds: number;
  /** Connections for which each proxy accepted the other. */
  readonly connections: number;
  /** Connections that one of the two refused, by the reason in rustls' words. */
  readonly refused: Readonly<Record<string, number>>;
  /** Connections that did not come to that, such as those to a pod that had just gone. */
  readonly unreachable: number;
  /** Of the certificates of simulated pods. */
  readonly renewals: { readonly ok: number; readonly failed: number };
  /** Pods of the load that were replaced. */
  readonly replaced: number;
  /** How often the control plane was rolled out. */
  readonly rolls: number;
}

/** A run of `npm run test:rotation`, as `test/onRequest/rotations.measured.json` keeps it. */
export interface MeasuredRotations {
  readonly proxies: { readonly simulated: number; readonly running: number };
  /** Life of a proxy's certificate, without the allowances for clocks. */
  readonly leafSeconds: number;
  readonly rotations: number;
  readonly steps: readonly RotationStep[];
  readonly machine: string;
  /** Load average of the last quarter of an hour; above the number of processors, the machine was busy with other work. */
  readonly load: number;
  readonly day: string;
}

const number = (value: number) => value.toLocaleString("en").replaceAll(",", " ");
const row = (cells: readonly (string | number)[]) =>
  `| ${cells.map((cell) => (typeof cell === "number" ? number(cell) : cell)).join(" | ")} |`;

/** The steps as a table in Markdown. */
export function rotationSteps(steps: readonly RotationStep[]): string {
  const rows = steps.map((one, index) => [
    one.way === steps[index - 1]?.way ? "" : one.way,
    one.step,
    one.seconds,
    one.connections,
    describeRefused(one.refused),
    one.unreachable,
    one.renewals.ok,
    one.renewals.failed,
    one.replaced,
    one.rolls,
  ]);
  const head = [
    "",
    "Step",
    "Seconds",
    "Connections",
    "Refused",
    "Unreachable",
    "Renewals",
    "Failed",
    "Pods replaced",
    "Rolls of identity",
  ];
  return [row(head), "|---|---|---:|---:|---|---:|---:|---:|---:|---:|", ...rows.map(row)].join("\n");
}

function describeRefused(refused: RotationStep["refused"]): string {
  const reasons = Object.entries(refused).map(([reason, count]) => `${number(count)} ${reason}`);
  return reasons.length === 0 ? "0" : reasons.join(", ");
}

/** The run that is kept. */
export function readRotations(): MeasuredRotations {
  return JSON.parse(readFileSync(measuredFile, "utf8")) as MeasuredRotations;
}

/** The page as it should be, of a run that was kept. */
export function rotationProofPage({
  proxies,
  leafSeconds,
  rotations,
  steps,
  machine,
  load,
  day,
}: MeasuredRotations): string {
  return `<!-- Written by \`npm run -s tables\` from test/onRequest/rotations.measured.json. -->
# What a rotation does to a mesh, measured

Proxies open connections to each other all the time ([a mesh under load](sandbox.md#a-mesh-under-load)), each with a certificate of its own that
it renews every minute or two, while the trust anchor is rotated: with [\`rotate\`](rotation.md), whose \`begin\` is killed once on its way
and typed again; and by hand, in the seven steps that Linkerd documents, and in one.

*Refused* are connections for which one of two proxies did not accept the other, by the reason in rustls' words. *Unreachable* are those that
did not come to that: their server had just gone. *Pods replaced* counts the load's own: a rotation with \`rotate\` waits for restarts that come
anyway, which are a line of their own here, and forces none. Each step takes as long as the busy machine below needs for it.

${rotationSteps(steps)}

${number(proxies.simulated + proxies.running)} proxies (${proxies.simulated} of simulated pods, ${proxies.running} of pods that run), whose certificates live
for ${leafSeconds} s; ${rotations === 1 ? "1 rotation" : `${rotations} rotations in a row`}; ${machine}, with a load average of ${load}; ${day}.

To repeat it, and to write this table anew:

<!-- takes minutes -->
\`\`\`sh
RECORD=1 ROTATIONS=${rotations} npm run test:rotation
npm run -s tables
\`\`\`
`;
}
