/** The policy pack in a real preview, of Pulumi's engine and the real providers, without a cluster. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative, resolve } from "node:path";
import { after, before, suite, test } from "node:test";
import { badChanges } from "../../docs/badChanges.ts";
import { type Refusal, says } from "../../docs/rotationRefusals.ts";
import { ensureToolchain } from "../../sandbox/toolchain/toolchain.ts";
import type { Values } from "../configured.ts";
import { engineEnvironment, linkEngine } from "../engine.ts";
import { type Staging, stagings } from "./badChanges.ts";
import { deployedState } from "./deployedState.ts";

const repository = resolve(import.meta.dirname, "../..");
const directory = mkdtempSync(join(tmpdir(), "policy-"));
after(() => rmSync(directory, { recursive: true }));
const project = join(directory, "project");
const environment = engineEnvironment(directory);
const pack = ["--policy-pack", join(repository, "policy", "pack.ts")];
const inDevelopment = ["--policy-pack-config", join(repository, "policy", "development.json")];

function pulumi(
  ...args: string[]
): Promise<{ code: number | string | null; stdout: string; stderr: string }> {
  return new Promise((done) => {
    const child = execFile(
      "pulumi",
      args,
      { cwd: project, env: environment, maxBuffer: 2 ** 28 },
      (error, stdout, stderr) => done({ code: child.exitCode ?? String(error), stdout, stderr }),
    );
  });
}

async function succeed(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await pulumi(...args);
  assert.equal(code, 0, `pulumi ${args.join(" ")}: ${stdout}${stderr}`);
  return stdout;
}

type BadChange = readonly [rule: string, name: string];

let charts: Values;

/** Sets what the next preview is of. */
async function set(values: Values, changes: readonly BadChange[] = []): Promise<void> {
  const texts = { values: { ...charts, ...values }, changes };
  writeFileSync(
    join(project, "Pulumi.dev.yaml"),
    JSON.stringify({
      config: Object.fromEntries(
        Object.entries(texts).map(([key, value]) => [`bad:${key}`, JSON.stringify(value)]),
      ),
    }),
  );
}

before(async () => {
  const toolchain = await ensureToolchain(console.log);
  linkEngine(directory, toolchain);
  mkdirSync(project);
  const main = join(import.meta.dirname, "program.ts");
  const runtime = { name: "nodejs", options: { typescript: false } };
  writeFileSync(join(project, "Pulumi.yaml"), JSON.stringify({ name: "bad", main, runtime }));
  charts = Object.fromEntries(
    [
      ["certManagerChart", "cert-manager"],
      ["linkerdCrdsChart", "linkerd-crds"],
      ["linkerdControlPlaneChart", "linkerd-control-plane"],
    ].map(([key, chart]) => [key!, relative(import.meta.dirname, toolchain.charts[chart!]!)]),
  );
  await succeed("stack", "init", "dev", "--secrets-provider", "passphrase");
});

test("the mesh as the program makes it is not refused", async () => {
  await set({});
  const stdout = await succeed("preview", ...pack);
  assert.match(stdout, /✅ linkerd-rotating-tls@v/);
});

/** Bad changes that can be made side by side, each group in one preview. */
const groups: readonly (readonly BadChange[])[] = [
  [
    ["anchor-protected", "unprotectedKey"],
    ["anchor-secret-stays", "notMutable"],
    ["private-key-place", "keyInValues"],
    ["private-key-place", "keyInConfigMap"],
    ["anchor-key-place", "keyAsOutput"],
    ["tls-secret-place", "issuerWritten"],
    ["certificate-key", "notSaid"],
    ["certificate-key", "keptForEver"],
    ["lifetimes", "anchorEnds"],
    ["lifetimes", "leavesOutlive"],
    ["chart-credentials", "given"],
    ["chart-credentials", "issuerByChart"],
    ["webhook-authority", "noAuthority"],
    ["namespace-labels", "webhooksOn"],
    ["namespace-labels", "certManagersWebhooksOn"],
    ["namespace-labels", "injected"],
    ["namespace-labels", "restricted"],
  ],
  [
    ["private-key-place", "keyInBase64"],
    ["tls-secret-place", "anchorElsewhere"],
    ["lifetimes", "renewedLate"],
    ["signer", "unlisted"],
    ["lifetimes", "issuerLong"],
  ],
  [
    ["anchor-protected", "unprotected"],
    ["lifetimes", "anchorShort"],
    ["chart-credentials", "chartsOwn"],
  ],
  [
    ["anchor-protected", "unprotectedOnCluster"],
    ["certificate-key", "anchorsKeyKept"],
    ["lifetimes", "switchedByItself"],
  ],
  [
    ["anchor-protected", "unprotectedVoucher"],
    ["signer", "strangersWord"],
  ],
  [["bundle", "signerLeftOut"]],
  [["bundle", "strangerAdded"]],
  [["bundle", "damaged"]],
  [["bundle", "nextLeftOut"]],
  [["bundle", "voucherLeftOut"]],
  [["anchor-protected", "unprotectedBelowOthers"]],
  [["bundle", "listedLeftOut"]],
  [["chart-version", "range"]],
  [["chart-version", "noVersion"]],
];

/**
 * What has to be there from an earlier run: a root of which nothing is known is no one's, and ends at no time. And viz, whose
 * chart is not among those here.
 */
const elsewhere = ["keyCopied", "outlivesRoot", "givenOutlivesRoot", "vizOwn"];

const stagingOf = ([rule, name]: BadChange) =>
  (stagings as Record<string, Record<string, Staging>>)[rule]![name]!;
const refusalOf = ([rule, name]: BadChange) =>
  (badChanges as Record<string, Record<string, Refusal>>)[rule]![name]!;

/** What the pack says in a preview's output, on one line. */
const said = (output: string) => output.slice(output.indexOf("Policies:")).replaceAll(/\s+/g, " ");

for (const group of groups) {
  test(`a preview is refused: ${group.map((change) => refusalOf(change).does).join("; ")}`, async () => {
    await set({}, group);
    const { code, stdout, stderr } = await pulumi("preview", ...pack);
    assert.notEqual(code, 0, stdout);
    for (const change of group) {
      const isSaid =
        says(said(stdout), refusalOf(change)) && said(stdout).includes(`[mandatory] ${change[0]} `);
      assert.ok(isSaid, `${refusalOf(change).words}\n${said(stdout)}\n${stderr}`);
    }
  });
}

test("every bad change of a first run is made here", () => {
  const all = Object.entries(badChanges).flatMap(([rule, changes]) =>
    Object.keys(changes).map((name): BadChange => [rule, name]),
  );
  const ofFirstRun = (change: BadChange) =>
    stagingOf(change).state === undefined && !elsewhere.includes(change[1]);
  const names = (changes: readonly BadChange[]) => changes.map((change) => change.join(" ")).sort();
  assert.deepEqual(names(groups.flat()), names(all.filter(ofFirstRun)));
});

test("in development the same is told, and refuses nothing", async () => {
  await set({}, [["namespace-labels", "injected"]]);
  const stdout = await succeed("preview", ...pack, ...inDevelopment);
  assert.match(
    said(stdout),
    /\[advisory\] namespace-labels .*Namespace linkerd has linkerd\.io\/inject=enabled/,
  );
});

test("a team's own bounds are taken", async () => {
  const file = join(directory, "bounds.json");
  writeFileSync(file, JSON.stringify({ lifetimes: { issuerAtMost: "24h", anchorAtLeast: "100000h" } }));
  await set({});
  const { code, stdout } = await pulumi("preview", ...pack, "--policy-pack-config", file);
  assert.notEqual(code, 0);
  assert.match(said(stdout), /The identity issuer lives 48h, more than 24h/);
  assert.match(said(stdout), /The trust anchor lives 87600h, less than 100000h/);
  writeFileSync(file, JSON.stringify({ lifetimes: { issuerAtMost: 24 } }));
  const wrong = await pulumi("preview", ...pack, "--policy-pack-config", file);
  assert.match(wrong.stdout + wrong.stderr, /lifetimes: issuerAtMost: Invalid type/);
});

suite("On a mesh that is there", () => {
  const open = { protectTrustAnchors: false };
  const both = { ...open, trustAnchorGenerations: [1, 2] };
  const signs = { ...both, signingGeneration: 2 };
  const alone = { ...signs, crossSignTrustAnchors: false };

  before(async () => {
    // Pulumi itself would refuse to delete or replace what is protected, before any rule is asked.
    await set(open);
    const preview = (await pulumi("preview", "--json")).stdout;
    const state = join(directory, "state.json");
    writeFileSync(state, await deployedState(await succeed("stack", "export"), preview));
    await succeed("stack", "import", "--file", state);
  });

  /** The names of the rules that refuse, beside the one that demands protection. */
  async function rulesAgainst(values: Values, changes: readonly BadChange[] = [], ...options: string[]) {
    await set(values, changes);
    const { stdout, stderr } = await pulumi("preview", ...pack, ...options);
    assert.match(stdout, /linkerd-rotating-tls@v/, stdout + stderr);
    const found = [...stdout.matchAll(/\[mandatory\] +(\S+) /g)].map(([, rule]) => rule!);
    return { rules: [...new Set(found)].filter((rule) => rule !== "anchor-protected"), text: said(stdout) };
  }

  for (const [name, values] of Object.entries<Values>({
    "nothing is changed": open,
    "begin, where the older generation vouches": signs,
    "begin, where nobody vouches": both,
    "begin --distrust": { ...signs, distrustedTrustAnchors: [1] },
    "another lifetime of the issuer": { ...open, issuerDuration: "72h" },
  })) {
    test(`${name}: not refused`, async () => assert.deepEqual((await rulesAgainst(values)).rules, []));
  }

  for (const [change, values, changes] of [
    [["signer", "swapped"], { ...open, trustAnchorGenerations: [2], signingGeneration: 2 }],
    [["signer", "signsAtOnce"], alone],
    [["cross-certificate-end", "outlivesRoot"], signs, [["cross-certificate-end", "outlivesRoot"]]],
  ] as [BadChange, Values, BadChange[] | undefined][]) {
    test(`${refusalOf(change).does}: refused`, async () => {
      const { rules, text } = await rulesAgainst(values, changes);
      assert.deepEqual(rules, [change[0]]);
      assert.ok(says(text, refusalOf(change)), text);
    });
  }

  for (const [part, change] of [
    ["PrivateKey::linkerd-trust-anchor-key", ["anchor-made-once", "keyMadeAnew"]],
    ["RandomId::linkerd-trust-anchor-subject", ["anchor-made-once", "otherRoot"]],
  ] as [string, BadChange][]) {
    test(`${part} is made anew: refused`, async () => {
      const { deployment } = JSON.parse(await succeed("stack", "export"));
      const { urn } = deployment.resources.find((one: { urn: string }) => one.urn.endsWith(`:${part}`));
      const { rules, text } = await rulesAgainst(open, [], "--replace", urn);
      assert.deepEqual(rules, [change[0]]);
      assert.ok(says(text, refusalOf(change)), text);
    });
  }
});
