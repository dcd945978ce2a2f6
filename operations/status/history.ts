/** What the dashboard's graphs show, read from Prometheus by the same queries: `rules/alerts/panels.ts`. */
import { type Panel, type PanelQuery, rows } from "../../rules/alerts/panels.ts";
import { printable } from "../../rules/printable.ts";
import { type Point, type Prometheus, queryRange, type TimeRange } from "./prometheus.ts";

/** A chart is about that many pixels wide. */
const mostSteps = 300;
/** All of it together. A Prometheus of a large mesh takes seconds for some of the queries. */
const patienceMilliseconds = 10_000;
const longestNameCharacters = 120;

export interface History {
  readonly url: string;
  readonly range: TimeRange;
  readonly rows: readonly { readonly title: string; readonly panels: readonly PanelHistory[] }[];
  /** What was seen where there should have been an answer, and the panels that lack it. */
  readonly failures: readonly { readonly message: string; readonly titles: readonly string[] }[];
}

export interface PanelHistory {
  readonly panel: Panel;
  readonly lines: readonly Line[];
}

export interface Line {
  readonly name: string;
  readonly points: readonly Point[];
}

/**
 * Reads the history of every graph, as far as it can be had in some seconds.
 *
 * Panels of a single value are left out: what they say of now, the status says itself.
 */
export async function readHistory(
  prometheus: Prometheus,
  until: Date,
  hours: number,
  signal: AbortSignal,
): Promise<History> {
  const from = new Date(until.getTime() - hours * 3_600_000);
  const range = { from, until, stepSeconds: Math.ceil((hours * 3600) / mostSteps) };
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(patienceMilliseconds)]);
  /** What was seen instead of an answer. */
  const failures = new Map<Panel, string>();
  const readPanel = async (panel: Panel): Promise<PanelHistory[]> => {
    try {
      const read = panel.queries.map(async ({ expression, legend }) => {
        const series = await queryRange(prometheus, expression, range, deadline);
        return series.map(({ labels, points }) => ({ name: nameOf(legend, labels), points }));
      });
      return [{ panel, lines: (await Promise.all(read)).flat().filter(({ points }) => points.length > 0) }];
    } catch (error) {
      failures.set(panel, (error as Error).message);
      return [];
    }
  };
  const graphs = rows.map(async ({ title, panels }) => {
    const read = panels.filter(({ kind }) => kind === "timeseries").map(readPanel);
    return { title, panels: (await Promise.all(read)).flat() };
  });
  const read = (await Promise.all(graphs)).filter(({ panels }) => panels.length > 0);
  const failed = rows.flatMap(({ panels }) => panels.filter((panel) => failures.has(panel)));
  return {
    url: prometheus.url,
    range,
    rows: read,
    failures: [...Map.groupBy(failed, (panel) => failures.get(panel)!)].map(([message, panels]) => ({
      message,
      titles: panels.map(({ title }) => title),
    })),
  };
}

/** The legend with a line's own labels in it, as Grafana has it. */
function nameOf(legend: PanelQuery["legend"], labels: Readonly<Record<string, string>>): string {
  const name = legend.replaceAll(/\{\{(\w+)\}\}/g, (_, label) => labels[label] ?? "");
  return printable(name, longestNameCharacters);
}
