import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { Line } from "../../../operations/status/history.ts";
import { historySection } from "../../../operations/status/historyChart.ts";
import { statusPage } from "../../../operations/status/page.ts";
import type { Panel } from "../../../rules/alerts/panels.ts";
import { soundStatus } from "./soundStatus.ts";

const until = new Date("2026-11-27T12:00:00Z");
const url = "http://prometheus.example.com/";
/** Of 100 minutes, a value each: one unit of the drawing's width is 100/330 of a minute. */
const range = { from: new Date(until.getTime() - 100 * 60_000), until, stepSeconds: 60 };

const panel: Panel = {
  title: "Time left",
  description: "Of it.",
  kind: "timeseries",
  queries: [],
};

/** A line through values, by the minutes since the beginning. */
const line = (name: string, values: Readonly<Record<number, number>>): Line => ({
  name,
  points: Object.entries(values).map(([minutes, value]) => ({
    time: new Date(range.from.getTime() + Number(minutes) * 60_000),
    value,
  })),
});

const history = (lines: readonly Line[], of: Partial<Panel> = { unit: "s" }) => ({
  ...{ url, range, failures: [] },
  rows: [{ title: "The issuer", panels: [{ panel: { ...panel, ...of }, lines }] }],
});

/** What is drawn of these lines. */
function drawn(lines: readonly Line[], of?: Partial<Panel>) {
  const html = historySection(history(lines, of));
  const [chart = ""] = /<svg [^>]*role="img".*<\/svg>\n/.exec(html) ?? [];
  return {
    html,
    paths: [...chart.matchAll(/<path class="line [^"]*" d="([^"]*)"/g)].map(([, path]) => path),
    grid: [...chart.matchAll(/<path class="(grid|zero)" d="M64 ([\d.]+)H394"/g)].map(([, kind, y]) => [
      kind,
      Number(y),
    ]),
    values: [...chart.matchAll(/<text x="59"[^>]*>([^<]*)</g)].map(([, value]) => value),
    times: [...chart.matchAll(/<text x="([\d.]+)" y="154"[^>]*>([^<]*)</g)].map(([, x, name]) => [
      Number(x),
      name,
    ]),
    label: / aria-label="([^"]*)"/.exec(chart)?.[1],
    legend: [...html.matchAll(/<li>(?:<svg.*?<\/svg>)?(.*?)<\/li>/g)].map(([, item]) =>
      item!.replaceAll(/<.*?>/g, ""),
    ),
  };
}

suite("A chart", () => {
  test("has each value where it belongs, between 0 and a round number", () => {
    const { paths, grid, values, times } = drawn([line("stored", { 0: 0, 1: 3600, 2: 7200 })]);
    // 64 at the left, 3.3 a minute; 138 at 0, 8 at the top.
    assert.deepEqual(paths, ["M64.0 138.0L67.3 73.0L70.6 8.0"]);
    assert.deepEqual(grid, [
      ["zero", 138],
      ["grid", 105.5],
      ["grid", 73],
      ["grid", 40.5],
      ["grid", 8],
    ]);
    assert.deepEqual(values, ["0", "30 min", "1 h", "1 h 30 min", "2 h"]);
    assert.deepEqual(times, [
      [64, "1 h 40 min ago"],
      [146.5, "1 h 15 min ago"],
      [229, "50 min ago"],
      [311.5, "25 min ago"],
      [394, "now"],
    ]);
  });

  test("goes below 0 for what is late", () => {
    const { paths, grid, values, label } = drawn([line("issuer", { 99: 3600, 100: -1800 })]);
    assert.deepEqual(paths, ["M390.7 8.0L394.0 138.0"]);
    assert.deepEqual(grid, [
      ["grid", 138],
      ["zero", 94.7],
      ["grid", 51.3],
      ["grid", 8],
    ]);
    assert.deepEqual(values, ["−30 min", "0", "30 min", "1 h"]);
    assert.equal(label, "Time left: issuer −30 min");
  });

  test("has a gap where a value is missing, and a dot for one alone", () => {
    const { paths } = drawn([line("stored", { 0: 0, 1: 1, 3: 1, 5: 1, 6: 0 })]);
    assert.deepEqual(paths, ["M64.0 138.0L67.3 8.0M73.9 8.0h.01M80.5 8.0L83.8 138.0"]);
  });

  test("counts what has no unit, and a line that is 0 throughout is at the bottom", () => {
    const { values, legend } = drawn([line("failed", { 99: 0, 100: 3.149 })], {});
    assert.deepEqual([values, legend], [["0", "1", "2", "3", "4"], ["failed 3.15"]]);
    const none = drawn([line("failed", { 99: 0, 100: 0 })], {});
    assert.deepEqual(
      [none.paths, none.values.at(-1), none.legend],
      [["M390.7 138.0L394.0 138.0"], "1", ["failed 0"]],
    );
  });

  for (const [highest, unit, top] of [
    [3649 * 86_400, "s", "4000 d"],
    [47 * 3600, "s", "2 d"],
    [20 * 3600, "s", "24 h"],
    [0.2, "s", "1.0 s"],
    [10_003, undefined, "15000"],
    [0.1, undefined, "0.1"],
  ] as const) {
    test(`for up to ${highest} ${unit ?? ""} ends at ${top}`, () => {
      const { values } = drawn([line("one", { 100: highest })], unit === undefined ? {} : { unit });
      assert.equal(values.at(-1), top);
      assert.ok(values.length >= 2 && values.length <= 6, values.join());
    });
  }

  test("says the latest value of each line to those who cannot see it, and when one has ended", () => {
    const { label, legend, paths } = drawn([
      line("loaded by a", { 0: 3600, 90: 7200 }),
      line("stored", { 99: 7200, 100: 7140 }),
      line("loaded by b", { 99: 3600 }),
    ]);
    const said = ["stored 1 h 59 min", "loaded by b 1 h", "loaded by a nothing since 2026-11-27 11:50:00Z"];
    assert.deepEqual(legend, said);
    assert.equal(label, `Time left: ${said.join("; ")}`);
    assert.ok(paths[0]!.startsWith("M390.7"), "lines are in the order of the legend");
  });

  test("tells lines apart by more than their colours", () => {
    const { html } = drawn(["a", "b", "c"].map((name) => line(name, { 100: 1 })));
    const styles = [...html.matchAll(/class="line (line-\d) (dash-\d)"/g)].map(
      ([, colour, dash]) => `${colour} ${dash}`,
    );
    // In the legend as in the chart.
    assert.equal(styles.length, 6);
    assert.deepEqual([...new Set(styles)], ["line-0 dash-0", "line-1 dash-1", "line-2 dash-2"]);
  });

  test("draws twelve lines, those that have not ended first, and counts the others", () => {
    const names = Array.from({ length: 14 }, (_, place) => `line ${place}`);
    const { paths, legend } = drawn(names.map((name, place) => line(name, { [place < 3 ? 50 : 100]: 1 })));
    assert.equal(paths.length, 12);
    assert.deepEqual(legend.slice(-2), ["line 0 nothing since 2026-11-27 11:10:00Z", "2 more, not drawn"]);
  });

  test("that has nothing to show says so", () => {
    const { html, paths } = drawn([]);
    assert.deepEqual(paths, []);
    assert.match(html, /<b>Time left<\/b>.*\n<p class="empty">No data in this time\.<\/p><\/figure>/);
    assert.match(drawn([], { onlyIn: "rotation" }).html, /No rotation in this time\./);
  });

  test("lets no label become markup", () => {
    const hostile = "\"><script>alert(1)</script>&'";
    const { html, label, legend } = drawn([line(hostile, { 100: 1 })], {
      title: hostile,
      description: hostile,
    });
    const shown = "&quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt;&amp;'";
    assert.deepEqual([label, legend], [`${shown}: ${shown} 1`, [`${shown} 1`]]);
    assert.doesNotMatch(html, /<script/);
  });
});

suite("The page with a history", () => {
  test("has it after the timeline, says whose it is, and needs nothing else", async () => {
    const { status } = await soundStatus();
    const page = statusPage(status, [], history([line("stored", { 100: 1 })]));
    const order = ["<h2>Timeline", "<h2>History", "<h3>The issuer", "<h2>All of it"].map((part) =>
      page.indexOf(part),
    );
    assert.ok(order[0]! > 0);
    assert.deepEqual(
      order,
      order.toSorted((one, other) => one - other),
    );
    assert.match(
      page,
      /From 2026-11-27 10:20:00Z until 2026-11-27 12:00:00Z, every 1 min, by Prometheus at http:\/\/prometheus\.example\.com\/\./,
    );
    assert.doesNotMatch(page, /<script|<link|<img|src=|href=|url\(/);
    // Every colour that a line may have, light and dark.
    assert.equal([...page.matchAll(/--line-\d: #/g)].length, 12);
    assert.doesNotMatch(statusPage(status, []), /History|--line-0/);
  });

  test("says what was seen where there was no answer, and what is missing for it", () => {
    const failures = [{ message: "It answers <b>.", titles: ["Time left", "Retries"] }];
    assert.match(
      historySection({ url, range, rows: [], failures }),
      /<section class="warning"><b>http:\/\/prometheus\.example\.com\/<\/b> It answers &lt;b&gt;\. Not drawn: Time left, Retries\.<br>Give --prometheus-url /,
    );
  });
});
