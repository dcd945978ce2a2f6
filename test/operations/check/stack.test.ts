import assert from "node:assert/strict";
import { test } from "node:test";
import { checkStack } from "../../../operations/check/stack.ts";
import { authority, hoursFromNow } from "../../certificates.ts";

const root = await authority({ commonName: "root.linkerd.cluster.local", notAfter: hoursFromNow(87_600) });
const pem = root.certificate.toString().trimEnd();

const stackWith = (anchors: object) => ({
  project: "linkerd-rotating-tls",
  texts: {
    "linkerd-rotating-tls:providedTrustAnchors": JSON.stringify(anchors),
    "linkerd-rotating-tls:identityIssuerSource": "secret",
  },
  isSecret: () => false,
});

test("the anchors that a stack provides are the bundle that it is going to install", () => {
  const commented = `From the security team.\r\n${pem.replaceAll("\n", "\r\n")}\r\n\r\n`;
  const { bundle } = checkStack(stackWith({ 1: { certificatePem: commented } }));
  assert.deepEqual(bundle, { field: "providedTrustAnchors", text: pem });
});

test("without all of them, or with one that is not sound, there is none", () => {
  assert.equal(checkStack(stackWith({})).bundle, undefined);
  assert.equal(checkStack(stackWith({ 1: { certificatePem: "no certificate" } })).bundle, undefined);
});
