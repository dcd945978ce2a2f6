import assert from "node:assert/strict";
import type { ServerResponse } from "node:http";
import { suite, test } from "node:test";
import { readHistory } from "../../../operations/status/history.ts";
import { prometheusAt } from "../../../operations/status/prometheus.ts";
import { rows } from "../../../rules/alerts/panels.ts";
import { startPrometheusServer } from "./prometheusServer.ts";

const server = await startPrometheusServer();
const until = new Date("2026-11-27T12:00:00Z");
const now = until.getTime() / 1000;
const never = new AbortController().signal;
const read = (hours = 24) => readHistory(prometheusAt(server.url), until, hours, never);
const graphs = rows.flatMap(({ panels }) => panels.filter(({ kind }) => kind === "timeseries"));
const queryCount = graphs.flatMap(({ queries }) => queries).length;

suite("The history", () => {
  test("asks for every graph of the dashboard, by its own queries", async () => {
    server.requests = [];
    const history = await read();
    assert.deepEqual(
      history.rows.flatMap(({ panels }) => panels.map(({ panel }) => panel)),
      graphs,
    );
    assert.deepEqual(
      server.requests.map(({ query }) => query.get("query")).sort(),
      graphs.flatMap(({ queries }) => queries.map(({ expression }) => expression)).sort(),
    );
    assert.deepEqual(
      history.rows.map(({ title }) => title),
      ["The identity issuer", "Proxies", "Trust anchors and webhooks"],
    );
  });

  for (const [hours, stepSeconds] of [
    [1, 12],
    [24, 288],
    [72, 864],
    [8760, 105_120],
  ] as const) {
    test(`of ${hours} h has at most three hundred steps, the last of which is now`, async () => {
      server.requests = [];
      const { range } = await read(hours);
      assert.deepEqual(range, { from: new Date(until.getTime() - hours * 3_600_000), until, stepSeconds });
      for (const { query } of server.requests) {
        assert.equal(query.get("step"), String(stepSeconds));
        assert.equal(Number(query.get("start")) + 300 * stepSeconds, Number(query.get("end")));
      }
    });
  }

  test("names each line by the panel's legend and its own labels, and leaves out one without a value", async () => {
    server.answer = (query) => {
      if (query.startsWith("linkerd_credentials_issuer_loaded_not_after")) {
        return [
          { metric: { replica: "identity-1" }, values: [[now, "60"]] },
          { metric: { replica: "identity-2\u001b" }, values: [[now, "90"]] },
          { metric: { replica: "gone" }, values: [[now, "NaN"]] },
        ];
      }
      if (query.startsWith("linkerd_credentials_trust_anchor")) {
        return [{ metric: { subject: "{{generation}}" }, values: [[now, "1"]] }];
      }
      return query.startsWith("linkerd_credentials_issuer_not_after")
        ? [{ metric: {}, values: [[now, "60"]] }]
        : [];
    };
    const panels = (await read()).rows.flatMap((row) => row.panels);
    const linesOf = (title: string) => panels.find(({ panel }) => panel.title === title)!.lines;
    assert.deepEqual(linesOf("Time left"), [
      { name: "stored", points: [{ time: until, value: 60 }] },
      { name: "loaded by identity-1", points: [{ time: until, value: 60 }] },
      { name: "loaded by identity-2\\u001b", points: [{ time: until, value: 90 }] },
    ]);
    assert.deepEqual(
      linesOf("Time left of trust anchors").map(({ name }) => name),
      ["generation , {{generation}}"],
    );
    assert.deepEqual(linesOf("Retries"), []);
  });

  test("has what can be had, and says once of all else what was seen", async () => {
    const values = [[now, "1"]] as const;
    server.answer = {
      by: (request, response) => {
        const isLost = new URL(request.url!, "http://test").searchParams
          .get("query")!
          .includes("certmanager_");
        response.statusCode = isLost ? 503 : 200;
        response.end(JSON.stringify({ status: "success", data: { result: [{ metric: {}, values }] } }));
      },
    };
    const { rows: had, failures } = await read();
    assert.deepEqual(failures, [
      {
        message: "It answers with HTTP 503.",
        titles: ["Until its renewal", "Time left of webhooks' certificates"],
      },
    ]);
    assert.equal(had.flatMap(({ panels }) => panels).length, graphs.length - 2);
  });

  test("has no row of which nothing could be read", async () => {
    // The last that asks is answered first.
    const waiting: ServerResponse[] = [];
    server.answer = {
      by: (_, response) => {
        waiting.unshift(response);
        if (waiting.length < queryCount) return;
        for (const one of waiting) one.writeHead(401).end();
      },
    };
    const { rows: had, failures } = await read();
    assert.deepEqual(had, []);
    assert.deepEqual(failures, [
      { message: "It answers with HTTP 401.", titles: graphs.map(({ title }) => title) },
    ]);
  });

  test("waits ten seconds for all of it, and no longer than the command", async (context) => {
    server.answer = () => [];
    const slow = [{ message: "It has not answered in time.", titles: graphs.map(({ title }) => title) }];
    const ended = await readHistory(prometheusAt(server.url), until, 24, AbortSignal.abort());
    assert.deepEqual(ended.failures, slow);
    server.answer = { by: () => {} };
    const { timeout } = AbortSignal;
    const patience = context.mock.method(AbortSignal, "timeout", () => timeout.call(AbortSignal, 100));
    assert.deepEqual((await read()).failures, slow);
    assert.deepEqual(
      patience.mock.calls.map((call) => call.arguments),
      [[10_000]],
    );
  });
});
