import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { decodePem } from "../../../rules/credentials/pem.ts";

const block = (type = "CERTIFICATE", content = "AAEC", newline = "\n") =>
  [`-----BEGIN ${type}-----`, content, `-----END ${type}-----`, ""].join(newline);

/** Types, lines and skipped texts of the blocks, and the rest. */
const outline = (text: string) => {
  const { blocks, rest } = decodePem(text);
  return [...blocks.map(({ type, line, skipped }) => [type, line, skipped]), rest];
};

test("blocks are found in their order, with what stands between and after them", () => {
  assert.deepEqual(outline(block() + block("X")), [["CERTIFICATE", 1, ""], ["X", 4, ""], ""]);
  assert.deepEqual(outline(`# old\n${block()}\n# new\n${block()}`), [
    ["CERTIFICATE", 2, "# old\n"],
    ["CERTIFICATE", 7, "\n# new\n"],
    "",
  ]);
  assert.deepEqual(outline(`${block()}\n`), [["CERTIFICATE", 1, ""], "\n"]);
  assert.deepEqual(outline(block().trimEnd()), [["CERTIFICATE", 1, ""], ""]);
  assert.deepEqual(outline(`${block().trimEnd()} \t`), [["CERTIFICATE", 1, ""], ""]);
  assert.deepEqual(outline(""), [""]);
});

test("content is base64 with white space anywhere", () => {
  for (const content of ["AAEC", "AA\nEC", "AA EC\t", "\nAAEC\n", "AAE\r\nC"]) {
    assert.deepEqual(decodePem(block("X", content)).blocks[0]?.content, Buffer.from([0, 1, 2]), content);
  }
  assert.deepEqual(outline(block("X", "AAEC", "\r\n")), [["X", 1, ""], ""]);
  assert.equal(decodePem("-----BEGIN X-----\n-----END X-----\n").blocks[0]?.content.length, 0);
});

test("headers are no content", () => {
  const { blocks } = decodePem(block("X", "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\nAAEC"));
  assert.deepEqual(blocks[0]?.headers, ["Proc-Type", "DEK-Info"]);
  assert.deepEqual(blocks[0]?.content, Buffer.from([0, 1, 2]));
});

test("a damaged block is skipped", () => {
  for (const damaged of [
    block("X", "AAE"),
    block("X", "A*EC"),
    block("X", "AA==EC=="),
    block("X").replace("END X", "END Y"),
    block("X").replace("END X-----", "END X----- x"),
    block("X").replace("BEGIN X-----", "BEGIN X----"),
    `\uFEFF${block("X")}`,
    ` ${block("X")}`,
  ]) {
    assert.deepEqual(outline(damaged), [damaged]);
    assert.deepEqual(outline(damaged + block("Y")), [["Y", 4, damaged], ""]);
  }
});

test("an END line ends what the last BEGIN line before it began", () => {
  const begin = "-----BEGIN X-----\n";
  assert.deepEqual(outline(begin + block("X")), [["X", 2, begin], ""]);
  const end = "\n-----END ";
  assert.deepEqual(outline(end + block("X")), [["X", 2, end], ""]);
  assert.deepEqual(
    outline(`-----BEGIN X-----\n# -----BEGIN X-----\nAAEC\n-----END X-----\n${block("Y")}`).at(-2),
    ["Y", 5, "-----BEGIN X-----\n# -----BEGIN X-----\nAAEC\n-----END X-----\n"],
  );
});

test("headers that reach the end of the text hide every block among them", () => {
  const headers = "-----BEGIN X-----\na: b\n-----END X: -----\nc: d\n";
  assert.deepEqual(outline(headers), [headers]);
  assert.deepEqual(outline(headers + block("Y")), [["Y", 5, headers], ""]);
});

test("headers without end are read in no time", { timeout: 10_000 }, () => {
  const text = "-----BEGIN :-----\n-----END :-----x\n".repeat(25_000);
  assert.deepEqual(outline(text), [text]);
  assert.deepEqual(outline(`${text}-`), [`${text}-`]);
});

test("a text of beginnings only is decoded in no time", { timeout: 10_000 }, () => {
  for (const text of ["-----BEGIN X-----\n".repeat(50_000), "-----BEGIN X-----\nAAEC\n".repeat(50_000)]) {
    assert.deepEqual(outline(text), [text]);
    assert.deepEqual(outline(`${text}\n-----END Y-----\n`), [`${text}\n-----END Y-----\n`]);
  }
});

test("every text is its blocks and what is between them", () => {
  const part = fc.oneof(
    fc.constantFrom(
      "\n",
      "\r\n",
      " ",
      "-----BEGIN X-----",
      "-----END X-----",
      "-----",
      "A: b",
      "AAEC",
      "=",
      "\0",
    ),
    fc.constantFrom(block(), block("X"), block("X", "AAEC", "\r\n")),
    fc.string(),
  );
  fc.assert(
    fc.property(fc.array(part, { maxLength: 20 }), (parts) => {
      const text = parts.join("");
      const { blocks, rest } = decodePem(text);
      const whole = blocks.map((own) => own.skipped + own.text).join("") + rest;
      assert.equal(whole, text);
      const lines = text.split("\n");
      for (const { type, line, text: own } of blocks) {
        assert.ok(own.startsWith(`-----BEGIN ${type}-----`), own);
        assert.ok(lines[line - 1]!.startsWith(`-----BEGIN ${type}-----`), `${line}: ${lines[line - 1]}`);
      }
    }),
    { numRuns: 5_000 },
  );
});
