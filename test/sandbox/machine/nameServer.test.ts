/** The cluster's DNS, as Node's own resolver asks it. */
import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { Resolver } from "node:dns/promises";
import { once } from "node:events";
import { test } from "node:test";
import { respond } from "../../../sandbox/machine/nameServer.ts";

const many = Array.from({ length: 40 }, (_, index) => `10.244.1.${index}`);
const known: Readonly<Record<string, readonly string[]>> = {
  "web.shop.svc.cluster.local": ["10.244.0.9", "10.244.0.255"],
  "empty.shop.svc.cluster.local": [],
  [`${"many".padEnd(63, "x")}.shop.svc.cluster.local`]: many,
};

test("addresses, none, and no such name", async () => {
  const socket = createSocket("udp4");
  socket.on("message", (query, { port }) => {
    const response = respond(query, (name) => known[name])!;
    assert.ok(response.length <= 512, `${response.length} bytes`);
    socket.send(response, port);
  });
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  try {
    const resolver = new Resolver({ timeout: 2000, tries: 1 });
    resolver.setServers([`127.0.0.1:${socket.address().port}`]);
    const [web = "", empty = "", long = ""] = Object.keys(known);
    assert.deepEqual(await resolver.resolve4(web), known[web]);
    assert.deepEqual(await resolver.resolve4(long), many.slice(0, 15));
    await assert.rejects(resolver.resolve4(empty), { code: "ENODATA" });
    await assert.rejects(resolver.resolve6(web), { code: "ENODATA" });
    await assert.rejects(resolver.resolve4("nobody.shop.svc.cluster.local"), { code: "ENOTFOUND" });
  } finally {
    socket.close();
  }
});

test("what is no query is not answered, and a broken one is called so", () => {
  const header = (flags: number, questions: number) =>
    Buffer.from([7, 7, flags >> 8, flags & 0xff, 0, questions, 0, 0, 0, 0, 0, 0]);
  const answer = (...parts: Buffer[]) => respond(Buffer.concat(parts), () => []);
  assert.equal(answer(Buffer.from([1, 2, 3])), undefined);
  assert.equal(answer(header(0x8000, 1)), undefined, "an answer");
  for (const question of [[], [3, 119], [0], [0, 0, 1, 0], [0xc0, 12, 0, 1, 0, 1]]) {
    const response = answer(header(0x0100, 1), Buffer.from(question))!;
    assert.deepEqual([...response.subarray(0, 4)], [7, 7, 0x85, 0x81], question.join());
  }
  assert.equal(answer(header(0x0100, 2))!.readUInt16BE(2), 0x8581, "two questions");
});
