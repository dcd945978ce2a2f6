import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { resolve } from "node:path";
import { suite, test } from "node:test";
import { type Certificate, withIssuing } from "../../mesh/certManager.ts";
import { parseTimeout } from "../../operations/command.ts";
import { factsOf, formatSpan, formatTable, formatTime } from "../../operations/format.ts";
import { main as renew } from "../../operations/renew/renew.ts";
import { main as review } from "../../operations/review/review.ts";
import { metricValue } from "../../operations/status/read.ts";
import { main as status } from "../../operations/status/status.ts";
import { certificateFacts } from "../../rules/credentials/bundle.ts";
import { authority, parsed } from "../certificates.ts";
import { inProcess } from "./inProcess.ts";

test("Asking to renew sets the condition that cmctl sets, and keeps all else", () => {
  const certificate: Certificate = {
    metadata: { name: "issuer", uid: "1", generation: 4, resourceVersion: "17" },
    spec: { secretName: "issuer", issuerRef: { name: "anchor" } },
    status: {
      revision: 3,
      conditions: [
        { type: "Ready", status: "True" },
        { type: "Issuing", status: "False", reason: "Failed" },
      ],
    },
  };
  assert.deepEqual(withIssuing(certificate, new Date("2026-08-21T10:00:00.123Z")), {
    ...certificate,
    status: {
      revision: 3,
      conditions: [
        { type: "Ready", status: "True" },
        {
          type: "Issuing",
          status: "True",
          reason: "ManuallyTriggered",
          message: "Certificate re-issuance manually triggered",
          lastTransitionTime: "2026-08-21T10:00:00Z",
          observedGeneration: 4,
        },
      ],
    },
  });
});

test("A command that is called wrongly ends like one that fails, with 2, and says why", async () => {
  const operations = resolve(import.meta.dirname, "../../operations");
  for (const [main, ...options] of [
    [status, "--timeout", "25h"],
    [status, "--context"],
    [renew, "--unknown"],
    [review, "--unknown"],
    [review, "one.json", "more.json"],
    [renew, "more"],
  ] as const) {
    const { code, stderr } = await inProcess(main, ...options);
    assert.equal(code, 2, options.join(" "));
    assert.match(stderr, /^error: /);
  }
  for (const options of [["unknown"], ["renew", "--timeout", "soon"]]) {
    const { status, stderr } = spawnSync(process.execPath, [resolve(operations, "cli.ts"), ...options]);
    assert.equal(status, 2, options.join(" "));
    assert.match(stderr.toString(), /^error: /);
  }
  const help = spawnSync(process.execPath, [resolve(operations, "renew/renew.ts"), "--help"]);
  assert.equal(help.status, 0);
});

suite("A timeout", () => {
  test("is a duration as Go writes it", () => {
    assert.equal(parseTimeout("90s"), 90_000);
    assert.equal(parseTimeout("1m30s"), 90_000);
  });
  test("is refused where it is none, zero or longer than a day", () => {
    for (const text of ["3", "soon", "0s", "25h"]) {
      assert.throws(() => parseTimeout(text), { code: "commander.invalidArgument" });
    }
  });
});

test("A metric is found among the others", () => {
  const metrics =
    "# HELP issuer_cert_ttl_seconds left\nissuer_cert_ttl_seconds_other 1\nissuer_cert_ttl_seconds 1.5e+02\n";
  assert.equal(metricValue(metrics, "issuer_cert_ttl_seconds"), 150);
  assert.equal(metricValue(metrics, "absent"), undefined);
});

test("A fingerprint is the same here as in the stack's outputs, and as OpenSSL prints it", async () => {
  const { certificate } = await authority({ commonName: "root" });
  const { fingerprintSha256 } = factsOf(parsed(certificate));
  assert.equal(fingerprintSha256, certificateFacts(certificate.toString()).fingerprintSha256);
  assert.match(fingerprintSha256, /^([0-9A-F]{2}:){31}[0-9A-F]{2}$/);
});

test("Times, spans and tables are written for people", () => {
  assert.equal(formatTime(new Date("2026-08-21T09:30:00.250Z")), "2026-08-21 09:30:00Z");
  const spans = [450, 42_000, 90_000, 47 * 3_600_000 + 60_000, 100 * 3_600_000].map(formatSpan);
  assert.deepEqual(spans, ["0.5 s", "42 s", "1 min 30 s", "47 h 1 min", "4 d 4 h"]);
  assert.equal(
    formatTable([
      ["NAME", "LEFT"],
      ["a longer name", "1"],
    ]),
    "NAME           LEFT\na longer name  1",
  );
});
