/**
 * The status as one page of HTML, which needs nothing else: what is wrong, the life of every certificate on a timeline, and
 * what Prometheus has recorded of it.
 */
import { type Finding, verdictOf } from "../../rules/finding.ts";
import { factsOf, formatSpan, formatTime } from "../format.ts";
import { escaped } from "./escaped.ts";
import type { History } from "./history.ts";
import { historySection, historyStyle } from "./historyChart.ts";
import type { MeshStatus } from "./read.ts";
import { statusTable } from "./table.ts";
import { type Group, type Mark, type Row, type Scale, scaleOf, timelineOf } from "./timeline.ts";

const verdicts = { ok: "All right", warning: "Warnings", error: "Problems" } as const;

export function statusPage(status: MeshStatus, problems: readonly Finding[], history?: History): string {
  const { readAt, context, namespace, trust } = status;
  const groups = timelineOf(status);
  const verdict = verdictOf(problems);
  const times = groups.flatMap(({ rows }) =>
    rows.flatMap(({ certificate: { x509 }, marks }) => [
      ...[x509.validFromDate, x509.validToDate],
      ...marks.map(({ time }) => time),
    ]),
  );
  const { place, ticks } = scaleOf(readAt, times);
  const lines = ticks.map(
    (tick) => `<i class="${tick.name === "now" ? "now" : "tick"}" style="left:${percent(tick.place)}"></i>`,
  );
  const labels = ticks.map(
    (tick) =>
      `<span class="${[...(tick.name === "now" ? ["now"] : []), ...edgeOf(tick.place)].join(" ")}" style="left:${percent(tick.place)}">${escaped(tick.name)}</span>`,
  );
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${verdicts[verdict]}: credentials of ${escaped(context)}</title>
<style>${style}${history === undefined ? "" : historyStyle}</style>
<h1><span class="${verdict}">${verdicts[verdict]}</span> ${escaped(context)}</h1>
<p>Linkerd in namespace ${escaped(namespace)}, trust domain ${escaped(trust.purpose.trustDomain)}, as seen at ${formatTime(readAt)}.</p>
${problems.map(problemOf).join("\n")}
<h2>Timeline</h2>
<p class="key"><b class="bar"></b> valid <b class="bar broken"></b> ended, or not what it should be ${markKey}</p>
<div class="timeline">
<div class="axis"><div></div><div class="track">${labels.join("")}</div></div>
${groups.map((group) => groupOf(group, place, readAt, lines.join(""))).join("\n")}
</div>
${history === undefined ? "" : historySection(history)}
<h2>All of it</h2>
<pre>${escaped(statusTable(status, problems))}</pre>
</html>
`;
}

/** At an edge, a name in the middle of its tick would be cut off, or run into the names of the rows. */
function edgeOf(place: number): readonly string[] {
  if (place < 0.04) return ["first"];
  return place > 0.96 ? ["last"] : [];
}

function problemOf({ severity, field, message, fix, rule }: Finding): string {
  return `<section class="${severity}"><b>${escaped(field)}</b> ${escaped(message)}<br>${escaped(fix)} <small>${escaped(rule)}</small></section>`;
}

function groupOf({ title, rows }: Group, place: Scale, now: Date, lines: string): string {
  const shown = rows.map((row) => rowOf(row, place, now, lines));
  return `<h3>${escaped(title)}</h3>\n${shown.join("\n")}`;
}

function rowOf(
  { name, certificate, note, isBroken, marks }: Row,
  place: Scale,
  now: Date,
  lines: string,
): string {
  const { notBefore, notAfter, subject, fingerprintSha256 } = factsOf(certificate);
  const left = notAfter.getTime() - now.getTime();
  const rest = left < 0 ? `ended ${formatSpan(left)} ago` : `${formatSpan(left)} left`;
  const [from, to] = [place(notBefore), place(notAfter)];
  const text = `${subject}: valid from ${formatTime(notBefore)} until ${formatTime(notAfter)}, ${rest}. SHA-256 ${fingerprintSha256}`;
  const broken = isBroken || left < 0 ? " broken" : "";
  return `<div class="row"><div class="name">${escaped(name)} <small>${escaped([note, rest].filter((part) => part !== undefined).join(", "))}</small></div>
<div class="track">${lines}<b class="bar${broken}" style="left:${percent(from)};width:${percent(to - from)}" role="img" aria-label="${escaped(text)}" title="${escaped(text)}"></b>${marks.map((mark) => markOf(mark, place)).join("")}</div></div>`;
}

function markOf({ kind, time, text }: Mark, place: Scale): string {
  const title = escaped(`${formatTime(time)}: ${text}`);
  return `<u class="${kind}" style="left:${percent(place(time))}" role="img" aria-label="${title}" title="${title}"></u>`;
}

const markKey = (["renewal", "warning", "deadline"] as const)
  .map(
    (kind) =>
      `<u class="${kind}"></u> ${{ renewal: "next renewal", warning: "warned of from here", deadline: "deadline of a rotation" }[kind]}`,
  )
  .join(" ");

const percent = (share: number) => `${(share * 100).toFixed(2)}%`;

const style = `
:root { color-scheme: light dark; --ink: #1f2328; --soft: #59636e; --line: #d1d9e0; --paper: #fff; --bar: #2f81f7;
  --good: #1a7f37; --bad: #cf222e; --warn: #9a6700; --plate: #f6f8fa; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --soft: #9198a1; --line: #3d444d; --paper: #0d1117;
  --bar: #388bfd; --good: #3fb950; --bad: #f85149; --warn: #d29922; --plate: #161b22; } }
body { margin: 2rem auto; max-width: 84rem; padding: 0 1rem; color: var(--ink); background: var(--paper);
  font: 15px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2rem; } h3 { font-size: 1rem; margin: 1rem 0 .25rem; }
h1 span { color: var(--paper); border-radius: .4rem; padding: .1rem .6rem; }
h1 .ok { background: var(--good); } h1 .warning { background: var(--warn); } h1 .error { background: var(--bad); }
section { border-left: 4px solid; background: var(--plate); padding: .5rem .8rem; margin: .5rem 0; overflow-wrap: anywhere; }
section.error { border-color: var(--bad); } section.warning { border-color: var(--warn); }
small, .key, .axis { color: var(--soft); font-size: .85rem; }
.timeline { overflow-x: auto; } .timeline > * { min-width: 44rem; }
.row, .axis { display: grid; grid-template-columns: min(21rem, 32%) 1fr; align-items: center; }
.name { padding: .2rem 1rem .2rem 0; overflow-wrap: anywhere; line-height: 1.25; } .name small { display: block; }
.track { position: relative; min-height: 2.4rem; align-self: stretch; }
.axis .track { min-height: 1.3rem; } .axis span { position: absolute; transform: translateX(-50%); white-space: nowrap; }
.axis span.first { transform: none; } .axis span.last { transform: translateX(-100%); }
.axis span.now { color: var(--ink); font-weight: 600; }
i { position: absolute; top: 0; bottom: 0; border-left: 1px dotted var(--line); } i.now { border-left: 2px solid var(--ink); }
.bar { position: absolute; top: .7rem; height: 1rem; min-width: 3px; border-radius: 3px; background: var(--bar); opacity: .85; }
.bar.broken { background: var(--bad); }
u { position: absolute; top: .55rem; width: 0; height: 1.3rem; margin-left: -2px; border-left: 4px solid var(--good); }
u.warning { border-color: var(--warn); } u.deadline { border-color: var(--bad); }
.key .bar { position: static; display: inline-block; width: 1.6rem; height: .7rem; margin-left: .8rem; }
.key u { position: static; display: inline-block; height: .9rem; margin: 0 .1rem 0 .8rem; vertical-align: middle; }
pre { background: var(--plate); padding: 1rem; overflow-x: auto; font-size: .72rem; }
`;
