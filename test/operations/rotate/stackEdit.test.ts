import assert from "node:assert/strict";
import { test } from "node:test";
import { parse } from "yaml";
import { describeEdit, editStackText, isHeldIn } from "../../../operations/rotate/stackEdit.ts";

const project = "mesh";
const text = `# Production.
secretsprovider: awskms://alias/pulumi
encryptedkey: AQICAHh
config:
  # The cluster.
  mesh:kubeContext: production # by its context
  mesh:password:
    secure: v1:abc
  mesh:signingGeneration: "1"
`;

test("an edit changes its settings, and nothing else", () => {
  const edited = editStackText(text, project, { generations: [1, 2], signing: 2 });
  assert.equal(
    edited,
    text.replace(
      '  mesh:signingGeneration: "1"\n',
      '  mesh:signingGeneration: "2"\n  mesh:trustAnchorGenerations:\n    - 1\n    - 2\n',
    ),
  );
  const back = editStackText(edited, project, { generations: [2], crossSign: undefined });
  assert.deepEqual(parse(back).config["mesh:trustAnchorGenerations"], [2]);
  assert.match(
    editStackText(text, project, { crossSign: false }),
    /^ {2}mesh:crossSignTrustAnchors: "false"$/m,
  );
});

test("a setting that gets its default is removed; one that has no project's name is found", () => {
  const short = 'config:\n  crossSignTrustAnchors: "false"\n  signingGeneration: "2"\n';
  assert.equal(
    editStackText(short, project, { crossSign: undefined, signing: 3 }),
    'config:\n  signingGeneration: "3"\n',
  );
});

test("what is given of a generation comes and goes with it", () => {
  const files = { certificateFile: "../pki/root-2.pem" };
  const given = editStackText(text, project, { provided: { 2: files } });
  assert.deepEqual(parse(given).config["mesh:providedTrustAnchors"], { 2: files });
  assert.equal(editStackText(given, project, { provided: { 2: undefined } }), text);
  const numbers =
    "config:\n  mesh:providedTrustAnchors:\n    1:\n      certificateFile: a\n    2:\n      certificateFile: b\n";
  assert.equal(
    editStackText(numbers, project, { provided: { 1: undefined } }),
    "config:\n  mesh:providedTrustAnchors:\n    2:\n      certificateFile: b\n",
  );
});

test("a file without settings gets them, and what is no YAML is refused", () => {
  assert.equal(editStackText("", project, { signing: 2 }), 'config:\n  mesh:signingGeneration: "2"\n');
  assert.equal(
    editStackText("config:\n", project, { signing: 2 }),
    'config:\n  mesh:signingGeneration: "2"\n',
  );
  assert.throws(() => editStackText("config: [", project, { signing: 2 }), /Flow sequence/);
});

test("an edit is told as the lines of a stack's file", () => {
  assert.deepEqual(describeEdit({ generations: [2], crossSign: undefined, provided: { 1: undefined } }), [
    "trustAnchorGenerations: [2]",
    "crossSignTrustAnchors: (removed)",
    "providedTrustAnchors.1: (removed)",
  ]);
});

test("whether generations are to go on vouching is what the file says in as many words", () => {
  assert.equal(isHeldIn(text, project), false);
  assert.equal(isHeldIn(editStackText(text, project, { crossSign: true }), project), true);
  assert.equal(isHeldIn(editStackText(text, project, { crossSign: false }), project), false);
  assert.equal(isHeldIn("config:\n  crossSignTrustAnchors: true\n", project), true);
  assert.equal(isHeldIn("", project), false);
});

test("what is distrusted is a list, and goes again", () => {
  const edited = editStackText(text, project, { distrusted: [1] });
  assert.deepEqual(parse(edited).config["mesh:distrustedTrustAnchors"], [1]);
  assert.equal(editStackText(edited, project, { distrusted: undefined }), text);
  assert.deepEqual(describeEdit({ distrusted: [1] }), ["distrustedTrustAnchors: [1]"]);
});
