/** `docs/oracle.md`: what the oracle's last long run said, and why some rules are stricter than Linkerd. */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import type { Rule } from "../rules/finding.ts";
import { rules } from "../rules/rules.ts";

const measuredFile = resolve(import.meta.dirname, "..", "test", "oracle", "measured.json");

/** What a run of the oracle came to. */
export interface Report {
  readonly sets: number;
  /** How many of them begin with a rotation, in which a cross certificate follows the issuer. */
  readonly rotations: number;
  /** How many different bundles they have, each of which a controller of its own has read. */
  readonly bundles: number;
  /** How many sets the oracle and we agree on; `unexplained` are those that we refuse without saying why. */
  readonly verdicts: Readonly<Record<"agreed" | "stricter" | "laxer" | "unexplained", number>>;
  /** How many sets Linkerd accepts, or where it refuses them. */
  readonly stages: Readonly<Record<"load" | "certify" | "proxies" | "accepted", number>>;
  /** Sets that we alone refuse, by rule; one set may break several. */
  readonly stricterRules: Readonly<Record<string, number>>;
}

/** A report with what it takes to repeat it, as `test/oracle/measured.json` keeps it. */
export interface Measured extends Report {
  /** How many of the sets are known traps; the others are random. */
  readonly traps: number;
  readonly seed: number;
  readonly seconds: number;
  readonly machine: string;
  /** Load average of the last quarter of an hour; above the number of processors, the machine was busy with other work. */
  readonly load: number;
  /** Version of linkerd2. */
  readonly linkerd: string;
  readonly day: string;
}

/** Why a rule refuses what Linkerd accepts; `undefined` for one that does not. */
export function reasonOf(rule: string): string | undefined {
  const known: Readonly<Record<string, { readonly source: string; readonly stricter?: string }>> = rules;
  return known[rule]?.stricter;
}

/** The report of the run that the page is about. */
export function readMeasured(): Measured {
  return JSON.parse(readFileSync(measuredFile, "utf8")) as Measured;
}

/** The page as it should be. */
export function oraclePage(): string {
  const {
    sets,
    rotations,
    traps,
    bundles,
    verdicts,
    stages,
    stricterRules,
    seed,
    seconds,
    machine,
    load,
    linkerd,
    day,
  } = readMeasured();
  const number = (value: number) => value.toLocaleString("en").replaceAll(",", " ");
  const row = (...cells: readonly (string | number)[]) =>
    `| ${cells.map((cell) => (typeof cell === "number" ? number(cell) : cell)).join(" | ")} |`;
  const random = sets - traps;
  const reasons = Object.keys(rules).flatMap((rule) => {
    const reason = reasonOf(rule);
    const { severity = "error" }: Rule = rules[rule as keyof typeof rules];
    return reason === undefined
      ? []
      : row(`\`${rule}\``, severity, stricterRules[rule] ?? (severity === "error" ? 0 : "–"), reason);
  });
  return `<!-- Written by \`npm run -s tables\` from test/oracle/measured.json and the tables of rules, rules/*/rules.ts. -->
# Linkerd as the oracle

Whether credentials are good is for Linkerd to say. So its real identity controller is started with each set of a bundle,
an issuer and a key; a real \`Certify\` signs; and two proxies with what it signed meet in mutual TLS. \`check\` judges the
same set. A controller reads its bundle only when it starts, so sets with the same bundle are given to one controller, one
after the other, as the kubelet does with a Secret that changes. (OpenSSL stands in for the proxies' TLS.)

The sets are every known trap by itself (\`test/oracle/traps.ts\`), and random ones: a sound mesh of one to three anchors and
up to two intermediates, or a rotation (\`test/oracle/rotation.ts\`), and a few traps, faults and edits. In a rotation, cross
certificates over one hop or two follow the issuer; the bundle has the old anchor, the new one, or both; and the cross
certificates may have ended or end early, be foreign, forged, missing, in another order, beside one of the roots, by or for
an RSA key, or have another key, subject, key identifier or path length. Names, times, serial numbers, versions, extensions, usages, key
identifiers, curves, hashes, paddings, signers and order vary; elements of certificates and keys are removed, repeated,
exchanged or written as DER forbids, and signed again; texts are cut, indented, nested, commented, or have other line ends.

## Measured

${row("", "Sets")}
|---|---|
${row("All", sets)}
${row("Rotations among them", rotations)}
${row("We agree", verdicts.agreed)}
${row("We are stricter on purpose", verdicts.stricter)}
${row("We are laxer: a set that Linkerd refuses passes", verdicts.laxer)}
${row("We are stricter without a reason", verdicts.unexplained)}
${row("Linkerd accepts", stages.accepted)}
${row("Linkerd refuses to load", stages.load)}
${row("Linkerd loads, and fails to sign", stages.certify)}
${row("Linkerd signs what proxies refuse", stages.proxies)}

${number(random)} random sets with seed ${seed} and ${traps} traps, with ${number(bundles)} different bundles, in ${number(seconds)} s
on ${machine} with a load average of ${load}; linkerd2 ${linkerd}, ${day}.
To repeat it, and to draw other sets:

<!-- takes minutes -->
\`\`\`sh
npm run test:oracle -- --sets ${random} --seed ${seed} --json test/oracle/measured.json
npm run test:oracle -- --sets ${random}
\`\`\`

If a set is laxer, or stricter without a reason, it is shown, and the exit code is 1. \`npm test\` does the same with every
trap and some hundred random sets.

## Where we are stricter

In some cases Linkerd's identity controller accepts what these rules refuse. One set may break several of them. A warning
refuses nothing, so no sets are counted for it.

${row("Rule", "Severity", "Sets", "Why; *it* is the identity controller")}
|---|---|---|---|
${reasons.join("\n")}
`;
}
