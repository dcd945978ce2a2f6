import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { test } from "node:test";
import protobuf from "protobufjs";
import { acceptedEncodings, readPage, readRefusal } from "../../mesh/metadataList.ts";

const contentType = "application/vnd.kubernetes.protobuf";
const inJson = (object: object) => ({
  contentType: "application/json",
  body: Buffer.from(JSON.stringify(object)),
});

/** As the API server's encoder does it, with fields that are not read here as well. */
const { root } = protobuf.parse(
  readFileSync(resolve(import.meta.dirname, "../../mesh/metadata.proto"), "utf8").replace(
    "message ObjectMeta {",
    "message ObjectMeta { optional string uid = 5; optional bytes managed_fields = 17;",
  ),
);
const encoded = (type: string, object: object) => {
  const encode = (name: string, value: object) =>
    root.lookupType(`k8s.io.apimachinery.pkg.apis.meta.v1.${name}`).encode(value).finish();
  const unknown = encode("Unknown", { raw: encode(type, object) });
  return { contentType, body: Buffer.concat([Buffer.from("k8s\0"), unknown]) };
};

const read = {
  name: "web-1",
  namespace: "shop",
  labels: { app: "web", "": "" },
  annotations: { "linkerd.io/inject": "enabled" },
  ownerReferences: [{ kind: "ReplicaSet", name: "web", controller: true }],
};
const seconds = Date.UTC(2026, 10, 27) / 1000;
const time = { seconds };
const text = "2026-11-27T00:00:00Z";

test("a page is the same in either encoding, without what nobody reads", () => {
  const skipped = { uid: "0-0", managedFields: Buffer.from("{}") };
  const items = (times: object, leaving: object) => [
    { metadata: { ...read, ...skipped, ...times } },
    { metadata: { name: "bare", ...times, ...leaving } },
  ];
  const pages = [
    encoded("PartialObjectMetadataList", {
      metadata: { continue: "further" },
      items: items({ creationTimestamp: time }, { deletionTimestamp: time }),
    }),
    inJson({
      metadata: { continue: "further" },
      items: items({ creationTimestamp: text }, { deletionTimestamp: text }),
    }),
  ].map(readPage);
  for (const page of pages) {
    assert.equal(page.continue, "further");
    const [whole, bare] = page.items.map((item) => JSON.parse(JSON.stringify(item)));
    assert.deepEqual(whole, { ...read, createdAt: "2026-11-27T00:00:00.000Z", isLeaving: false });
    const nothing = { namespace: "", labels: {}, annotations: {}, ownerReferences: [] };
    assert.deepEqual(bare, {
      name: "bare",
      ...nothing,
      createdAt: "2026-11-27T00:00:00.000Z",
      isLeaving: true,
    });
  }
});

test("after the last page nothing follows", () => {
  for (const page of [
    encoded("PartialObjectMetadataList", { metadata: {} }),
    inJson({ metadata: {}, items: [] }),
  ]) {
    const { items, continue: following } = readPage(page);
    assert.deepEqual([items.length, following || undefined], [0, undefined]);
  }
});

test("a refusal has its message in either encoding", () => {
  const message = 'pods is forbidden: User "x" cannot list';
  for (const answer of [encoded("Status", { message }), inJson({ kind: "Status", message })]) {
    assert.equal(JSON.parse(readRefusal(answer)).message, message);
  }
  assert.equal(readRefusal({ contentType: "text/plain", body: Buffer.from("no such host") }), "no such host");
});

test("JSON is taken from a server that has nothing else", () => {
  assert.match(
    acceptedEncodings,
    /^application\/vnd\.kubernetes\.protobuf;as=PartialObjectMetadataList;.*,application\/json;as=/,
  );
});
