import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { statusPage } from "../../../operations/status/page.ts";
import type { MeshStatus } from "../../../operations/status/read.ts";
import { scaleOf, timelineOf } from "../../../operations/status/timeline.ts";
import { broken } from "../../../rules/rules.ts";
import { authority, hoursFromNow, now, parsed } from "../../certificates.ts";
import { soundStatus } from "./soundStatus.ts";

const { status: sound, anchor } = await soundStatus();

/** In the middle of a rotation, with a controller that has missed a renewal. */
async function rotating(): Promise<MeshStatus> {
  const next = await authority({ commonName: "root-2.linkerd.cluster.local", notAfter: hoursFromNow(9000) });
  const cross = await authority({
    commonName: next.commonName,
    keys: next,
    signer: anchor,
    notAfter: hoursFromNow(2000),
  });
  const stored = await authority({ commonName: "identity.linkerd.cluster.local", signer: next });
  const vouchers = [{ certificate: parsed(cross.certificate), by: parsed(anchor.certificate) }];
  const second = {
    number: 2,
    certificate: parsed(next.certificate),
    isInBundle: true,
    signs: true,
    vouchers,
  };
  return {
    ...sound,
    generations: [{ ...sound.generations[0]!, signs: false }, second],
    issuer: {
      ...sound.issuer,
      certificate: parsed(stored.certificate),
      renewedBy: {
        metadata: { name: "linkerd-identity-issuer", uid: "1" },
        spec: { secretName: "linkerd-identity-issuer", issuerRef: { name: "linkerd-trust-anchor-2" } },
        status: { renewalTime: hoursFromNow(23).toISOString() },
      },
    },
  };
}

suite("The timeline", () => {
  test("has a row for each certificate, with its renewal, warning and deadline", async () => {
    const rows = timelineOf(await rotating()).flatMap(({ title, rows: own }) =>
      own.map(
        ({ name, isBroken, marks }) =>
          `${title}: ${name}${isBroken ? " (broken)" : ""}: ${marks.map(({ kind }) => kind).join()}`,
      ),
    );
    assert.deepEqual(rows, [
      "Trust anchors: generation 1: warning",
      "Trust anchors: generation 2: warning",
      "Trust anchors: generation 2, cross-signed: deadline",
      "Identity issuer: in the Secret: renewal",
      "Identity issuer: loaded by linkerd-identity-1 (broken): ",
    ]);
  });

  test("shows an hour and ten years at once, in the order of time", () => {
    const hours = [-87600, -24, -1, 0, 1, 24, 720, 87600];
    const { place, ticks } = scaleOf(now, hours.map(hoursFromNow));
    const places = hours.map((one) => place(hoursFromNow(one)));
    assert.deepEqual(
      places,
      places.toSorted((one, other) => one - other),
    );
    assert.deepEqual([places[0], places.at(-1)], [0, 1]);
    assert.ok(place(hoursFromNow(1)) - place(now) > 0.08, "an hour is wide enough to be seen");
    assert.ok(place(hoursFromNow(87600)) - place(hoursFromNow(8760)) > 0.05, "and so are years");
    assert.deepEqual(
      ticks.toSorted((one, other) => one.place - other.place).map(({ name }) => name),
      ["1 y ago", "30 d ago", "1 d ago", "1 h ago", "now", "in 1 h", "in 1 d", "in 30 d", "in 1 y"],
    );
  });

  test("is not wider than what it shows", () => {
    const { ticks } = scaleOf(now, [hoursFromNow(-0.5), hoursFromNow(0.5)]);
    assert.deepEqual(
      ticks.toSorted((one, other) => one.place - other.place).map(({ name }) => name),
      ["1 h ago", "10 min ago", "now", "in 10 min", "in 1 h"],
    );
  });
});

suite("The page", () => {
  test("needs nothing else, and can be read light and dark", async () => {
    const page = statusPage(await rotating(), []);
    assert.doesNotMatch(page, /<script|<link|<img|src=|url\(|https?:/);
    assert.match(page, /prefers-color-scheme: dark/);
    assert.match(page, /<title>All right: credentials of test<\/title>/);
    assert.match(page, /aria-label="[^"]*next renewal"/);
  });

  test("cuts off no name of a tick at its edges", async () => {
    const root = await authority({ commonName: "root.linkerd.cluster.local", notAfter: hoursFromNow(87700) });
    const generations = [{ ...sound.generations[0]!, certificate: parsed(root.certificate) }];
    assert.match(
      statusPage({ ...sound, generations }, []),
      /<span class="last" style="left:(?:9\d|100)\.\d+%">in 10 y</,
    );
  });

  test("begins with what is wrong, and lets no name of someone else's become markup", () => {
    const problem = broken("issuer-loaded", { field: "Pod <b>", message: '"><script>alert(1)</script>' });
    const page = statusPage({ ...sound, context: "<img src=x>" }, [problem]);
    assert.match(page, /<section class="error"><b>Pod &lt;b&gt;<\/b> &quot;&gt;&lt;script&gt;/);
    assert.doesNotMatch(page, /<script|<img/);
    assert.ok(page.indexOf("<section") < page.indexOf("Timeline"));
  });
});
