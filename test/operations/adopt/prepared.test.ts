import assert from "node:assert/strict";
import { test } from "node:test";
import type { Adoption } from "../../../operations/adopt/adoption.ts";
import { prepared } from "../../../operations/adopt/prepared.ts";

const rendering = { linkerd: "edge-26.8.3", manifest: "definitions", count: 14, unrecorded: [] };
const found = { namespace: "mesh", command: { definitions: rendering, values: {}, hasOverrides: true } };
const adoption: Adoption = { choices: [], secrets: [], obstacles: [], left: [], records: [], replaced: [] };
const record = (name: string, manifest: string) => ({
  name,
  chart: { name, version: "1" },
  values: {},
  manifest,
});

test("all that is written before Pulumi begins is told, and nothing else", () => {
  assert.deepEqual(prepared(found, adoption), []);
  assert.deepEqual(
    prepared(found, {
      ...adoption,
      records: [record("linkerd-crds", "definitions"), record("linkerd-control-plane", "other")],
      replaced: ["linkerd"],
      issuerSecret: "convert",
      previousKeyIn: "cert-manager",
    }),
    [
      "Helm's record of the release mesh/linkerd-crds, of the 14 objects that linkerd install has made",
      "Helm's record of the release mesh/linkerd-control-plane, with what another one has",
      "Helm's records of the release mesh/linkerd are deleted before pulumi up",
      "Secret mesh/linkerd-identity-issuer gets an annotation, by which Helm keeps it, and tls.crt and tls.key beside Linkerd's own names of them",
      "Secret cert-manager/linkerd-previous-anchor loses its copy of the anchor's key, which nothing needs: Pulumi's state would have it",
    ],
  );
  assert.match(prepared(found, { ...adoption, issuerSecret: "keep" }).join(), /by which Helm keeps it$/);
});
