/** Each alert fires in its failure, in time to act, and in no healthy hour: by Prometheus' own evaluation of series through days. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, suite, test } from "node:test";
import { promisify } from "node:util";
import { stringify } from "yaml";
import { resolve } from "../../../components/rotatingLinkerdArgs.ts";
import { alertGroups, ruleGroups } from "../../../rules/alerts/groups.ts";
import { alertSettings } from "../../../rules/alerts/settings.ts";
import { ensureToolchain } from "../../../sandbox/toolchain/toolchain.ts";
import { type Scenario, scenarios } from "./scenarios.ts";
import { healthy, inputSeries, sampleMinutes } from "./series.ts";

const { identityIssuer, trustAnchor, ...settings } = resolve({});

/** The alerts of a mesh of the defaults. */
function groupsOf({ isIssuerOthers }: Pick<Scenario, "isIssuerOthers"> = {}) {
  const source = isIssuerOthers ? "secret" : "certManager";
  const known = {
    namespace: "linkerd",
    issuerDuration: "48h",
    issuerRenewBefore: "25h",
    issuanceLifetime: "24h",
    rotationAllowance: "2160h",
  } as const;
  return alertGroups(
    alertSettings({ ...settings, trustAnchor, identityIssuer: { ...identityIssuer, source } }, known),
  );
}

const folder = mkdtempSync(join(tmpdir(), "promtool-"));
after(() => rmSync(folder, { recursive: true, force: true }));
let promtool: string;
before(async () => {
  const { programs } = await ensureToolchain(console.error, ["prometheus"]);
  promtool = programs.promtool!;
});

/** Runs `promtool test rules`; throws with what it says of a test that fails. */
async function evaluate(name: string, groups: object, tests: readonly object[]): Promise<void> {
  const rules = join(folder, `${name}.rules.yaml`);
  const file = join(folder, `${name}.yaml`);
  writeFileSync(rules, stringify({ groups }));
  writeFileSync(file, stringify({ rule_files: [rules], evaluation_interval: `${sampleMinutes}m`, tests }));
  await promisify(execFile)(promtool, ["test", "rules", file]).catch(({ stdout, stderr }) => {
    throw new Error(`${stdout}${stderr}`);
  });
}

const minutes = (hours: number) => `${Math.round(hours * 60)}m`;

/** That these alerts fire, or that they do not. */
const firing = (expression: string, hours: number, fires: boolean) => ({
  expr: `group(${expression})`,
  eval_time: minutes(hours),
  exp_samples: fires ? [{ labels: "{}", value: 1 }] : [],
});

suite("By Prometheus' own evaluation", () => {
  for (const [place, scenario] of scenarios.entries()) {
    const { title, series, hours, fires } = scenario;
    const names = Object.keys(fires);
    test(`${title}: ${names.join(", ") || "nothing"} fires`, async () => {
      const alert = (name: string) => `ALERTS{alertstate="firing",alertname="${name}"}`;
      const others = `ALERTS{alertstate="firing",alertname!~"${names.join("|")}"}`;
      await evaluate(`scenario-${place}`, ruleGroups(groupsOf(scenario)), [
        {
          interval: `${sampleMinutes}m`,
          input_series: inputSeries({ ...healthy, ...series }, hours),
          promql_expr_test: [
            ...Object.entries(fires).flatMap(([name, by]) => [
              firing(alert(name), by, true),
              firing(alert(name), by - 0.5, false),
            ]),
            firing(`max_over_time(${others}[${minutes(hours + 1)}])`, hours, false),
          ],
        },
      ]);
    });
  }

  test("an alert that lacks a scenario in which it fires would be noticed", () => {
    const all = groupsOf().flatMap(({ alerts }) => alerts.map(({ name }) => name));
    const tried = new Set(scenarios.flatMap(({ fires }) => Object.keys(fires)));
    assert.deepEqual(all.toSorted(), [...tried].sort());
  });

  test("there are four hours to act wherever something is going to fail", () => {
    for (const { title, fires, hurtsAt } of scenarios) {
      // Of a leaf that has ended, its own failure is what is told.
      const inTime = Object.entries(fires).filter(([name]) => name !== "LinkerdLeafEnded");
      if (hurtsAt === undefined) continue;
      for (const [name, at] of inTime)
        assert.ok(hurtsAt - at >= 4, `${title}: ${name} at ${at} of ${hurtsAt}`);
    }
  });

  test("what an alert says is rendered, with how often cert-manager still tries", async () => {
    const { title, series } = scenarios.find(({ title: one }) =>
      one.startsWith("cert-manager fails to renew the iss"),
    )!;
    assert.ok(title);
    await evaluate("annotations", ruleGroups(groupsOf()), [
      {
        interval: `${sampleMinutes}m`,
        input_series: inputSeries({ ...healthy, ...series }, 31),
        alert_rule_test: [
          {
            alertname: "LinkerdIssuerNotRenewed",
            eval_time: "31h",
            exp_alerts: [
              {
                exp_labels: {
                  severity: "warning",
                  name: "linkerd-identity-issuer",
                  exported_namespace: "linkerd",
                  namespace: "cert-manager",
                  issuer_kind: "Issuer",
                },
                exp_annotations: {
                  summary: "The identity issuer is not renewed in time: it ends in 17h 0m 0s.",
                  description:
                    "A third of the time for its renewal is over. cert-manager tries 24 more times before that. At its end every proxy's certificate has ended, and only a restart brings a proxy back.",
                  runbook_url: "docs/alerts.md#linkerdissuernotrenewed",
                },
              },
            ],
          },
        ],
      },
    ]);
  });
});
