import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { prometheusAt, queryRange } from "../../../operations/status/prometheus.ts";
import { fixed, startPrometheusServer } from "./prometheusServer.ts";

const server = await startPrometheusServer();
const range = { from: new Date(1_000_000), until: new Date(1_600_500), stepSeconds: 60 };
const never = new AbortController().signal;
const ask = (signal = never, address = server.url) => queryRange(prometheusAt(address), "up", range, signal);

suite("The address of a Prometheus", () => {
  for (const [address, url, pair] of [
    ["http://localhost:9090", "http://localhost:9090/"],
    ["https://example.com/some/path", "https://example.com/some/path/"],
    ["HTTP://Example.com/path/", "http://example.com/path/"],
    ["https://jane:p%40s%2Fs@example.com", "https://example.com/", "jane:p@s/s"],
    ["https://jane:50%@example.com", "https://example.com/", "jane:50%"],
    ["https://jane@example.com", "https://example.com/", "jane:"],
    ["https://:secret@example.com", "https://example.com/", ":secret"],
  ] as const) {
    test(`is taken from ${address}, and its credentials apart`, () => {
      const authorization = pair && `Basic ${Buffer.from(pair).toString("base64")}`;
      assert.deepEqual(prometheusAt(address), { url, ...(authorization && { authorization }) });
    });
  }

  for (const [address, shown] of [
    ["localhost:9090", "localhost:9090"],
    ["prometheus", "prometheus"],
    ["", ""],
    ["ftp://jane:secret@example.com", "ftp://example.com"],
    ["http://jane:sec/ret@example.com", "http://example.com"],
    ["http://jane:9/secret@example.com", "http://example.com"],
    ["http://jane:9?secret@example.com", "http://example.com"],
    ["http://jane:9#secret@example.com", "http://example.com"],
    ["http://jane:s@ecret@example.com:99999", "http://example.com:99999"],
    ["jane:secret@example.com", "example.com"],
    ["http://example.com/?token=secret", "http://example.com/"],
    ["http://example.com/#secret", "http://example.com/"],
    ["http://\u001b[2J:99999", "http://\\u001b[2J:99999"],
  ] as const) {
    test(`is not ${JSON.stringify(address)}, of which no secret is shown`, () => {
      assert.throws(
        () => prometheusAt(address),
        (error: Error) => {
          assert.ok(
            error.message.startsWith(`--prometheus-url is "${shown}". It has to be an http or https URL`),
            error.message,
          );
          assert.doesNotMatch(error.message, /secret|jane/);
          return true;
        },
      );
    });
  }
});

suite("A query through time", () => {
  test("is asked for the range, below the address's path, with the credentials", async () => {
    server.requests = [];
    await queryRange(
      prometheusAt(`${server.url.replace("//", "//jane:s%3Aecret@")}/some/path`),
      'up{job="a&b"}',
      range,
      never,
    );
    const [request] = server.requests;
    assert.deepEqual(
      { ...request, query: Object.fromEntries(request!.query) },
      {
        path: "/some/path/api/v1/query_range",
        query: { query: 'up{job="a&b"}', start: "1000", end: "1600.5", step: "60" },
        authorization: `Basic ${Buffer.from("jane:s:ecret").toString("base64")}`,
      },
    );
  });

  test("without credentials has none", async () => {
    server.requests = [];
    await ask();
    assert.deepEqual(
      server.requests.map(({ authorization }) => authorization),
      [undefined],
    );
  });

  test("gives each series, without values that are no finite number", async () => {
    server.answer = () => [
      {
        metric: { replica: "a" },
        values: [
          [1000, "1.5"],
          [1060, "NaN"],
          [1120, "+Inf"],
          [1180, "-Inf"],
          [1240.5, "-2e3"],
        ],
      },
      { metric: {}, values: [] },
    ];
    assert.deepEqual(await ask(), [
      {
        labels: { replica: "a" },
        points: [
          { time: new Date(1_000_000), value: 1.5 },
          { time: new Date(1_240_500), value: -2000 },
        ],
      },
      { labels: {}, points: [] },
    ]);
  });

  test("passes over a series of histograms alone, which has no values", async () => {
    server.answer = fixed(
      200,
      '{"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"histograms":[]}]}}',
    );
    assert.deepEqual(await ask(), [{ labels: {}, points: [] }]);
  });

  for (const [what, answer, message] of [
    [
      "a refusal of Prometheus'",
      fixed(422, '{"status":"error","errorType":"execution","error":"too many\\nsamples"}'),
      "It refuses a query: too many\\u000asamples",
    ],
    ["an error with 200", fixed(200, '{"status":"error","error":"no"}'), "It refuses a query: no"],
    ["a demand for credentials", fixed(401, "Unauthorized"), "It answers with HTTP 401."],
    [
      "a redirection to a login",
      { by: (_, response) => response.writeHead(302, { Location: "/login" }).end() },
      "It answers with HTTP 302.",
    ],
    ["a page for people", fixed(200, "<html>Sign in</html>"), "It answers, but not as Prometheus does."],
    ["nothing", fixed(200, ""), "It answers, but not as Prometheus does."],
    ["null", fixed(200, "null"), "It answers, but not as Prometheus does."],
    [
      "other JSON",
      fixed(200, '{"status":"success","data":{"result":{}}}'),
      "It answers, but not as Prometheus does.",
    ],
    [
      "values of another form",
      fixed(200, '{"data":{"result":[{"metric":{},"values":[7]}]}}'),
      "It answers, but not as Prometheus does.",
    ],
    [
      "an end before the answer",
      { by: (request) => request.socket.destroy() },
      "It cannot be reached: other side closed",
    ],
  ] as const satisfies readonly (readonly [string, typeof server.answer, string])[]) {
    test(`is told what was seen where there is ${what}`, async () => {
      server.answer = answer;
      await assert.rejects(ask(), { message });
    });
  }

  test("is told if nobody listens", async () => {
    await assert.rejects(ask(never, "http://jane:secret@127.0.0.1:1"), {
      message: /^It cannot be reached: (connect ECONNREFUSED 127\.0\.0\.1:1|bad port)$/,
    });
  });

  test("waits no longer than it may, for the answer or for its end", async () => {
    for (const begin of ["", '{"status":']) {
      server.answer = { by: (_, response) => begin && response.write(begin) };
      await assert.rejects(ask(AbortSignal.timeout(100)), { message: "It has not answered in time." });
    }
  });
});
