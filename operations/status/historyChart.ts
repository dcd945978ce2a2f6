/** The history as HTML: a chart of lines for each panel, which needs no script. */
import { formatSpan, formatTime } from "../format.ts";
import { escaped } from "./escaped.ts";
import type { History, Line, PanelHistory } from "./history.ts";
import type { Point, TimeRange } from "./prometheus.ts";

/** In the units of the drawing, which are about a pixel. */
const [width, height] = [400, 160];
const plot = { left: 64, right: 394, top: 8, bottom: 138 };
const mostTicks = 4;
/** More would not be told apart. */
const mostLines = 12;
const colours = 6;

const [minute, hour, day] = [60, 3600, 86_400];
/** Spans in seconds that people count in. */
const spans = [
  1,
  5,
  15,
  30,
  minute,
  5 * minute,
  15 * minute,
  30 * minute,
  hour,
  3 * hour,
  6 * hour,
  12 * hour,
];

export function historySection({ url, range, rows, failures }: History): string {
  const { from, until, stepSeconds } = range;
  const notices = failures.map(
    ({ message, titles }) =>
      `<section class="warning"><b>${escaped(url)}</b> ${escaped(message)} Not drawn: ${escaped(titles.join(", "))}.<br>Give --prometheus-url the address of a Prometheus that this machine reaches, and the user and password that it asks for.</section>`,
  );
  const charts = rows.map(
    ({ title, panels }) =>
      `<h3>${escaped(title)}</h3>\n<div class="charts">\n${panels.map((panel) => figureOf(panel, range)).join("\n")}\n</div>`,
  );
  return `<h2>History</h2>
<p>From ${formatTime(from)} until ${formatTime(until)}, every ${short(stepSeconds)}, by Prometheus at ${escaped(url)}.</p>
${[...notices, ...charts].join("\n")}`;
}

function figureOf({ panel, lines }: PanelHistory, range: TimeRange): string {
  const { title, description, unit, onlyIn } = panel;
  const caption = `<figcaption><b>${escaped(title)}</b> <small>${escaped(description)}</small></figcaption>`;
  if (lines.length === 0) {
    return `<figure>${caption}\n<p class="empty">No ${onlyIn ?? "data"} in this time.</p></figure>`;
  }
  // Lines that have ended come last.
  const drawn = lines.toSorted((one, other) => endOf(other) - endOf(one)).slice(0, mostLines);
  const names = drawn.map((line) => [line.name, latestOf(line, range, unit)] as const);
  const items = names.map(
    ([name, latest], place) =>
      `<li><svg viewBox="0 0 24 4" aria-hidden="true"><path class="line ${styleOf(place)}" d="M1 2h22"/></svg>${escaped(name)} <small>${latest}</small></li>`,
  );
  const left = lines.length - drawn.length;
  if (left > 0) items.push(`<li><small>${left} more, not drawn</small></li>`);
  const label = `${title}: ${names.map((pair) => pair.join(" ")).join("; ")}`;
  return `<figure>${caption}
<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${escaped(label)}">${chartOf(drawn, range, unit)}</svg>
<ul>${items.join("")}</ul></figure>`;
}

/** The time of its last value, in milliseconds. */
const endOf = ({ points }: Line) => points.at(-1)!.time.getTime();

function latestOf(line: Line, { until, stepSeconds }: TimeRange, unit: Unit): string {
  const { time, value } = line.points.at(-1)!;
  const isOver = until.getTime() - endOf(line) > 1.5 * stepSeconds * 1000;
  return isOver ? `nothing since ${formatTime(time)}` : valueIn(unit, value);
}

/** The axes, and the lines over them. */
function chartOf(lines: readonly Line[], range: TimeRange, unit: Unit): string {
  const from = range.from.getTime();
  const milliseconds = range.until.getTime() - from;
  const ticks = ticksOf(
    lines.flatMap(({ points }) => points.map(({ value }) => value)),
    unit,
  );
  const [low, high] = [ticks[0]!, ticks.at(-1)!];
  const x = (time: number) =>
    (plot.left + ((time - from) / milliseconds) * (plot.right - plot.left)).toFixed(1);
  const y = (value: number) =>
    (plot.bottom - ((value - low) / (high - low)) * (plot.bottom - plot.top)).toFixed(1);
  const values = ticks.map(
    (tick) =>
      `<path class="${tick === 0 ? "zero" : "grid"}" d="M${plot.left} ${y(tick)}H${plot.right}"/><text x="${plot.left - 5}" y="${y(tick)}" dy=".35em" text-anchor="end">${valueIn(unit, tick)}</text>`,
  );
  const times = [0, 0.25, 0.5, 0.75, 1].map((share) => {
    const name = share === 1 ? "now" : `${short(((1 - share) * milliseconds) / 1000)} ago`;
    const anchor = { 0: "start", 1: "end" }[share] ?? "middle";
    return `<text x="${x(from + share * milliseconds)}" y="${height - 6}" text-anchor="${anchor}">${name}</text>`;
  });
  const paths = lines.map(({ points }, place) => {
    const parts = unbroken(points, range.stepSeconds).map((part) => {
      const places = part.map(({ time, value }) => `${x(time.getTime())} ${y(value)}`);
      // A value alone is a dot.
      return `M${places.join("L")}${places.length === 1 ? "h.01" : ""}`;
    });
    return `<path class="line ${styleOf(place)}" d="${parts.join("")}"/>`;
  });
  return [...values, ...times, ...paths].join("");
}

/** Where a value is missing, a line ends, and another begins. */
function unbroken(points: readonly Point[], stepSeconds: number): readonly (readonly Point[])[] {
  const parts: Point[][] = [];
  for (const point of points) {
    const before = parts.at(-1)?.at(-1);
    const isNext = before && point.time.getTime() - before.time.getTime() <= 1.5 * stepSeconds * 1000;
    if (isNext) parts.at(-1)!.push(point);
    else parts.push([point]);
  }
  return parts;
}

/** Round numbers around all values and 0, in their order: from what is below the lowest to what is above the highest. */
function ticksOf(values: readonly number[], unit: Unit): readonly number[] {
  const [low, high] = [Math.min(0, ...values), Math.max(0, ...values)];
  const least = (high - low || mostTicks) / mostTicks;
  const step =
    (unit === "s" && spans.find((span) => span >= least)) || roundUp(least, unit === "s" ? day : 1);
  const first = Math.floor(low / step);
  const count = Math.max(1, Math.ceil(high / step) - first);
  return Array.from({ length: count + 1 }, (_, place) => (first + place) * step);
}

/** The next 1, 2 or 5 times a power of ten, of a unit. */
function roundUp(value: number, unit: number): number {
  const power = 10 ** Math.floor(Math.log10(value / unit)) * unit;
  return [1, 2, 5].map((factor) => factor * power).find((round) => round >= value) ?? 10 * power;
}

type Unit = PanelHistory["panel"]["unit"];

function valueIn(unit: Unit, value: number): string {
  if (unit === undefined || value === 0) return String(Number(value.toFixed(2)));
  return `${value < 0 ? "−" : ""}${short(value)}`;
}

/** A span without a second unit of which there is nothing. */
const short = (seconds: number) => formatSpan(seconds * 1000).replace(/ 0 \w+$/, "");

/** Told apart by their dashes as well, also where one lies on another. */
const styleOf = (place: number) => `line-${place % colours} dash-${place % dashes.length}`;

const dashes = ["none", "7 5", "1 5", "12 4 1 4", "4 4"];

export const historyStyle = `
:root { --line-0: #0969da; --line-1: #bc4c00; --line-2: #1a7f37; --line-3: #8250df; --line-4: #bf3989; --line-5: #57606a; }
@media (prefers-color-scheme: dark) { :root { --line-0: #58a6ff; --line-1: #f0883e; --line-2: #3fb950; --line-3: #bc8cff;
  --line-4: #f778ba; --line-5: #9198a1; } }
.charts { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(22rem, 100%), 1fr)); gap: 1rem 1.5rem; }
figure { margin: 0; } figcaption { line-height: 1.3; } figcaption small { display: block; }
figure > svg { display: block; width: 100%; } figure text { fill: var(--soft); font-size: 11px; }
figure path { fill: none; } .grid { stroke: var(--line); } .zero { stroke: var(--soft); }
.line { stroke-width: 2; stroke-linecap: round; stroke-linejoin: round; }
${Array.from({ length: colours }, (_, place) => `.line-${place} { stroke: var(--line-${place}); }`).join(" ")}
${dashes.map((dash, place) => `.dash-${place} { stroke-dasharray: ${dash}; }`).join(" ")}
figure ul { list-style: none; margin: .2rem 0 0; padding: 0; font-size: .85rem; overflow-wrap: anywhere; }
figure li { display: inline-block; margin-right: 1rem; } figure li svg { width: 24px; height: 4px; margin: 0 .4rem .2rem 0; }
.empty { color: var(--soft); background: var(--plate); padding: 2rem 1rem; text-align: center; }
`;
