/** `components/dashboard.json`: the panels of `rules/alerts/panels.ts`, as Grafana takes them. */
import * as common from "@grafana/grafana-foundation-sdk/common";
import * as dashboards from "@grafana/grafana-foundation-sdk/dashboard";
import * as prometheus from "@grafana/grafana-foundation-sdk/prometheus";
import * as stat from "@grafana/grafana-foundation-sdk/stat";
import * as timeseries from "@grafana/grafana-foundation-sdk/timeseries";
import { type Panel, type PanelQuery, rows } from "../rules/alerts/panels.ts";

/** Grafana's grid is that wide. */
const gridColumns = 24;
const heights = { stat: 4, timeseries: 8 } as const;
/** The variable by which a viewer chooses the Prometheus. */
// biome-ignore lint/suspicious/noTemplateCurlyInString: Grafana's own placeholder.
const datasource = { type: "prometheus", uid: "${datasource}" };

/** The text of the file. */
export function dashboardFile(): string {
  const dashboard = new dashboards.DashboardBuilder("Linkerd credentials")
    .uid("linkerd-credentials")
    .description("Trust anchors, identity issuer, proxies' certificates and rotations of a Linkerd mesh.")
    .tags(["linkerd", "certificates"])
    .time({ from: "now-3d", to: "now" })
    .refresh("1m")
    .readonly()
    .withVariable(
      new dashboards.DatasourceVariableBuilder("datasource").label("Prometheus").type("prometheus"),
    );
  let id = 0;
  for (const { title, panels } of rows) {
    dashboard.withRow(new dashboards.RowBuilder(title).id(++id));
    for (const panel of panels) dashboard.withPanel(panelOf(panel, gridColumns / panels.length).id(++id));
  }
  return `${JSON.stringify(dashboard.build(), undefined, 2)}\n`;
}

function panelOf(panel: Panel, columns: number) {
  const { title, description, kind, unit, names, queries } = panel;
  const builder = (kind === "stat" ? statOf(panel) : new timeseries.PanelBuilder())
    .title(title)
    .description(description)
    .span(columns)
    .height(heights[kind])
    .datasource(datasource);
  if (unit !== undefined) builder.unit(unit);
  if (names !== undefined) builder.mappings([mappingOf(names)]);
  queries.forEach((query, place) => {
    builder.withTarget(targetOf(query, kind, place));
  });
  return builder;
}

function statOf({ showsLabel }: Panel) {
  return new stat.PanelBuilder()
    .reduceOptions(new common.ReduceDataOptionsBuilder().calcs(["lastNotNull"]))
    .graphMode(common.BigValueGraphMode.None)
    .textMode(showsLabel === true ? common.BigValueTextMode.Name : common.BigValueTextMode.Value);
}

function targetOf({ expression, legend }: PanelQuery, kind: Panel["kind"], place: number) {
  const target = new prometheus.DataqueryBuilder()
    .refId("ABCDEFGH"[place]!)
    .expr(expression)
    .legendFormat(legend);
  return kind === "stat" ? target.instant() : target.range();
}

function mappingOf(names: NonNullable<Panel["names"]>): dashboards.ValueMap {
  return {
    type: dashboards.MappingType.ValueToText,
    options: Object.fromEntries(
      Object.entries(names).map(([value, name], index) => [value, { ...name, index }]),
    ),
  };
}
