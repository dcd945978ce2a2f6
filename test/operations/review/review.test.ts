import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { after, suite, test } from "node:test";
import { lexer, type Token } from "marked";
import { readPreview } from "../../../operations/preview.ts";
import { jsonOf, markdownOf, markerOf } from "../../../operations/review/markdown.ts";
import { reviewOf } from "../../../operations/review/statements.ts";
import { describeFinding, describeFindings, type Finding, parseFindings } from "../../../rules/finding.ts";
import { broken } from "../../../rules/rules.ts";
import { findKeys } from "../../privateKeys.ts";
import { commentOn, listGoldens, readGolden, reviewOfGolden } from "./goldens.ts";
import { hostile } from "./hostile.ts";

suite("The comment on a real preview", () => {
  for (const golden of listGoldens()) {
    test(`${golden} is the one that is kept`, () => {
      assert.equal(commentOn(golden), readGolden(golden, "md"));
    });
    test(`${golden} says in its first three lines what is to be decided`, () => {
      const [title, decide, third] = commentOn(golden).split("\n");
      assert.match(title!, /^### `dev`: \S/);
      assert.match(decide!, /^- \*\*Decide:\*\* [A-Z].*[.?]/);
      assert.match(third!, /^- \*\*(Restarts|Fix):\*\* \S/);
    });
    test(`${golden} gives the same as data`, () => {
      const { verdict, statements, marker } = JSON.parse(jsonOf(reviewOfGolden(golden)));
      assert.match(
        verdict,
        golden.startsWith("refused") || golden === "failed" ? /^error$/ : /^(ok|warning)$/,
      );
      assert.equal(statements[0].about, "Decide");
      assert.equal(marker, markerOf("dev"));
    });
  }
});

const component = "linkerd-rotating-tls:index:RotatingLinkerd";
const types = [
  `${component}$linkerd-rotating-tls:index:LinkerdControlPlane$kubernetes:helm.sh/v3:Release`,
  `${component}$linkerd-rotating-tls:index:IdentityIssuer$kubernetes:cert-manager.io/v1:Certificate`,
  `${component}$linkerd-rotating-tls:index:TrustAnchor$kubernetes:core/v1:Secret`,
  `${component}$linkerd-rotating-tls:index:WebhookCredentials$kubernetes:cert-manager.io/v1:Certificate`,
  "aws:s3/bucket:Bucket",
];

/** A preview with a text in every place that the cluster or the configuration fills. */
function previewWith(text: string, failed: boolean): string {
  const finding = broken("signer-trusted", { field: text, message: text, fix: text });
  const state = (inner: string) => ({
    inputs: {
      metadata: { name: inner, namespace: inner },
      name: inner,
      namespace: inner,
      version: inner,
      values: { [text]: inner, list: [inner], identityTrustDomain: inner },
      spec: { duration: inner, renewBefore: inner, issuerRef: { group: inner, kind: inner, name: inner } },
    },
  });
  const key = JSON.stringify(text);
  const detailedDiff = Object.fromEntries(
    ["version", `values[${key}]`, "values.list[0]", "spec.issuerRef.name", text].map((path) => [
      path,
      { kind: "update", inputDiff: false },
    ]),
  );
  const steps = types.flatMap((type) =>
    ["create", "update", "delete", "replace"].map((op) => ({
      op,
      urn: `urn:pulumi:dev::project::${type}::${op} ${text}`,
      detailedDiff,
      oldState: state("before"),
      newState: state(text),
    })),
  );
  const diagnostics = [
    { severity: "warning", message: `warning: ${text}` },
    {
      severity: "warning",
      message: `warning: This preview could not look at all that is on the cluster, and has not checked it: ${text}`,
    },
    ...(failed
      ? [
          { severity: "error", message: `error: ${text}` },
          { severity: "error", message: `error: ${describeFindings([finding])}` },
        ]
      : []),
    { severity: "info", message: text },
  ];
  return JSON.stringify({ steps, diagnostics });
}

function commentWith(text: string, failed: boolean): string {
  const found: Finding = {
    rule: text,
    severity: "warning",
    field: text,
    message: text,
    fix: text,
    source: text,
  };
  const preview = readPreview(previewWith(text, failed));
  return markdownOf(reviewOf({ stack: "dev", preview, check: { findings: [found] } }));
}

/** What is not code in a text of Markdown, and where the code is; but for how much is left out. */
function shapeOf(markdown: string): string {
  const shape = (token: Token): unknown => {
    if (token.type === "code" || token.type === "codespan") return token.type;
    const { items, tokens = items } = token as { items?: Token[]; tokens?: Token[] };
    return tokens === undefined ? [token.type, token.raw.trim()] : [token.type, ...tokens.map(shape)];
  };
  const tokens = lexer(markdown.replaceAll(leftOut, "")).filter(({ type }) => type !== "space");
  return JSON.stringify(tokens.map(shape), undefined, 1);
}

const leftOut = /^\*\d+ more lines? [^*\n]*\*$/gm;

suite("A text from the cluster or the configuration", () => {
  test("comes in more than fifty hostile kinds", () => assert.ok(Object.keys(hostile).length >= 50));
  for (const failed of [false, true]) {
    const expected = shapeOf(commentWith("a word", failed));
    for (const [kind, text] of Object.entries(hostile)) {
      test(`is code and no more: ${kind}, in a preview that ${failed ? "failed" : "did not fail"}`, () => {
        const comment = commentWith(text, failed);
        assert.equal(shapeOf(comment), expected);
        assert.ok(comment.length <= 65_536, `${comment.length} characters`);
        assert.doesNotMatch(comment, /[^\P{C}\n]|[\p{Zl}\p{Zp}]/u);
        assert.ok(comment.endsWith(`\n\n</details>\n\n${markerOf("dev")}\n`));
        assert.equal(comment.split("<!--").length, 2);
        assert.doesNotMatch(comment, /^\s*\//m);
      });
    }
  }
});

suite("A comment that would be too long", () => {
  for (const [kind, text] of Object.entries({
    backticks: "`".repeat(2000),
    escapes: String.fromCodePoint(0x202e).repeat(2000),
    words: "a word ".repeat(300),
  })) {
    test(`is cut, and says so, with ${kind}`, () => {
      const one = JSON.parse(previewWith(text, true));
      const paths = Array.from({ length: 100 }, (_, number) => [
        `values.a${number}${text}`,
        { kind: "update" },
      ]);
      const steps = [...one.steps, ...one.steps].map((step: { urn: string }, number) => ({
        ...step,
        urn: `${step.urn} ${number}`,
        detailedDiff: Object.fromEntries(paths),
      }));
      for (const diagnostics of [[], Array(30).fill(one.diagnostics).flat()]) {
        const preview = readPreview(JSON.stringify({ steps, diagnostics }));
        const comment = markdownOf(reviewOf({ stack: "dev", preview, check: text }));
        assert.ok(comment.length > 40_000 && comment.length <= 60_000, `${comment.length} characters`);
        assert.match(comment, /^\*\d+ more lines are left out here: a comment holds no more\.\*$/m);
        assert.ok(comment.endsWith(`\n\n</details>\n\n${markerOf("dev")}\n`));
      }
    });
  }
});

suite("A private key", () => {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const pem = privateKey.export({ format: "pem", type: "sec1" }).toString();
  const pkcs8 = privateKey.export({ format: "pem", type: "pkcs8" }).toString();
  const scalar = Buffer.from(privateKey.export({ format: "jwk" }).d!, "base64url");
  const der = privateKey.export({ format: "der", type: "pkcs8" });
  const written: Readonly<Record<string, string>> = {
    "PEM, SEC 1": pem,
    "PEM, PKCS #8": pkcs8,
    "PEM with certificates before it": `-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n${pem}`,
    "PEM in JSON": JSON.stringify({ key: pem }),
    "PEM in JSON in JSON": JSON.stringify(JSON.stringify({ key: pkcs8 })),
    "PEM in a log": pkcs8.replaceAll(/^/gm, "I1124 log.go:7] "),
    // Which nothing but its first and last line gives away.
    "PEM in short lines": pkcs8.replaceAll(/^[\w+/=]{20,}$/gm, (line) => line.replaceAll(/.{20}/g, "$&\n")),
    "PEM without its first line": pem.slice(pem.indexOf("\n") + 1),
    "base64 of PEM": Buffer.from(pem).toString("base64"),
    "base64 in wrapped lines": Buffer.from(pkcs8).toString("base64").replaceAll(/.{76}/g, "$&\n"),
    "base64 of DER": der.toString("base64"),
    "a JWK": JSON.stringify(privateKey.export({ format: "jwk" })),
    "base64 of the scalar": scalar.toString("base64"),
    "hexadecimal digits": scalar.toString("hex"),
    "capital hexadecimal digits": scalar.toString("hex").toUpperCase(),
  };
  for (const [encoding, text] of Object.entries(written)) {
    test(`is in no comment, as ${encoding}`, () => {
      const keys = [{ name: "key", pem }];
      for (const failed of [false, true]) {
        assert.notDeepEqual(findKeys(previewWith(text, failed), keys), []);
        const preview = readPreview(previewWith(text, failed));
        const found = broken("signer-trusted", { field: text, message: text, fix: text });
        const review = reviewOf({ stack: "dev", preview, check: { findings: [found] } });
        assert.deepEqual(findKeys(markdownOf(review) + jsonOf(review), keys), []);
      }
    });
  }
});

test("findings are read as they were written, one or several", () => {
  const one = broken("signer-trusted", { field: "signingGeneration", message: "It is: wrong." });
  const other = broken("chain", { field: "Secret linkerd/a, tls.crt", message: "Certificate 1 (a)." });
  assert.deepEqual(parseFindings(describeFindings([one, other]), "error"), [one, other]);
  assert.deepEqual(parseFindings(describeFinding(one), "error"), [one]);
  assert.deepEqual(parseFindings("error: no finding\n", "error"), []);
});

suite("npm run -s review", () => {
  const directory = mkdtempSync(join(tmpdir(), "review-"));
  after(() => rmSync(directory, { recursive: true }));
  const file = (name: string, text: string) => {
    const path = join(directory, name);
    writeFileSync(path, text);
    return path;
  };
  const program = resolve(import.meta.dirname, "../../../operations/review/review.ts");
  const review = (input: string, ...options: string[]) => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...options], { input });
    return { status, stdout: stdout.toString(), stderr: stderr.toString() };
  };
  const steps = (...of: object[]) => JSON.stringify({ steps: of });
  const stack = { op: "same", urn: "urn:pulumi:dev::project::pulumi:pulumi:Stack::project-dev" };

  test("reads a preview from its standard input, or from a file, and exits with 0 if it is right", () => {
    const piped = review(steps(stack));
    assert.equal(piped.status, 0, piped.stderr);
    assert.match(piped.stdout, /^### `dev`: nothing changes\n- \*\*Decide:\*\* Nothing: no resource/);
    assert.deepEqual(review("", file("preview.json", steps(stack))), piped);
  });
  test("exits with 1 if there is something to know, and with 2 if check has found errors", () => {
    const one = broken("anchor-ends", { field: "anchor", message: "It ends." });
    const warned = file("warned.json", JSON.stringify({ verdict: "warning", findings: [one] }));
    const { status, stdout } = review(steps(stack), "--check", warned);
    assert.equal(status, 1);
    assert.match(stdout, /^- \*\*check:\*\* 0 errors, 1 warning; see below\.$/m);
    const wrong = file("wrong.json", JSON.stringify({ findings: [{ ...one, severity: "error" }] }));
    assert.equal(review(steps(stack), "--check", wrong).status, 2);
  });
  test("of a preview that gave nothing, writes a comment as well, and exits with 2", () => {
    for (const input of ["", "error: no stack selected", "[]", "null", '{"steps":[{}]}', '{"steps":1}']) {
      const { status, stdout } = review(input, "--stack", "acme/mesh/prod");
      assert.equal(status, 2);
      assert.match(
        stdout,
        /^### `acme\/mesh\/prod`: the preview gave no result\n- \*\*Decide:\*\* Nothing can be/,
      );
      assert.ok(stdout.endsWith(`\n\n${markerOf("acme/mesh/prod")}\n`));
    }
  });
  test("says what of check cannot be read", () => {
    for (const path of [join(directory, "absent"), file("empty.json", ""), file("list.json", "[]")]) {
      const { status, stdout } = review(steps(stack), "--check", path);
      assert.equal(status, 2);
      assert.match(stdout, /^- \*\*check:\*\* gave no result: `/m);
    }
  });
  test("prints the same as JSON", () => {
    const { verdict, title, statements } = JSON.parse(review(steps(stack), "--json").stdout);
    assert.deepEqual([verdict, title, statements[0].about], ["ok", "nothing changes", "Decide"]);
  });
  test("asks for the name of a stack that the preview does not say, and takes none that is no name", () => {
    const unnamed = review("");
    assert.deepEqual([unnamed.status, unnamed.stdout], [2, ""]);
    assert.match(unnamed.stderr, /--stack <name>/);
    for (const name of ["-->", "a b", "", "a/b/c/d", "`a`"]) {
      assert.equal(review(steps(stack), "--stack", name).status, 2, name);
    }
    const odd = { ...stack, urn: stack.urn.replace("dev", "dev -->") };
    assert.equal(review(steps(odd)).status, 2);
    assert.equal(review("", "--help").status, 0);
  });
});
