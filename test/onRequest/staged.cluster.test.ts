/**
 * `npm run test:staged`: the trust anchor rotates where someone else signs: a third party that writes the issuer's Secret, and
 * then an issuer by reference. The next anchor is distributed, every pod restarted, and only then does someone else activate it.
 */
import assert from "node:assert/strict";
import { KeyObject } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { refusals, says } from "../../docs/rotationRefusals.ts";
import { until } from "../../sandbox/until.ts";
import { authority, type Fabricated, hoursFromNow } from "../certificates.ts";
import { commandBlocks } from "../docs/commandBlocks.ts";
import { meanwhile, startLoad } from "../meshLoad.ts";
import {
  execute,
  kubectl,
  operation,
  refused,
  removeSandbox,
  renew,
  set,
  startSandbox,
  temporaryFolder,
  unset,
  up,
  upChangesNothing,
} from "../stack.ts";

const folder = temporaryFolder();
/** Of the organisation that signs, by their generation; the stack has none of their keys. */
const roots = new Map<number, Fabricated>();

const pemOf = ({ certificate }: Fabricated) => certificate.toString().trimEnd();
const keyOf = ({ privateKey }: Fabricated) =>
  KeyObject.from(privateKey).export({ format: "pem", type: "pkcs8" }).toString();
const fileOf = (generation: number) => join(folder, `root-${generation}.pem`);

async function apply(...items: object[]): Promise<void> {
  const file = join(folder, "objects.json");
  writeFileSync(file, JSON.stringify({ apiVersion: "v1", kind: "List", items }), { mode: 0o600 });
  await kubectl("apply", "--server-side", "--force-conflicts", "--filename", file);
}

const secretOf = (name: string, stringData: Readonly<Record<string, string>>) => ({
  apiVersion: "v1",
  kind: "Secret",
  metadata: { name, namespace: "linkerd" },
  stringData,
});

/** Writes the identity issuer, as its owner does. */
async function writeIssuer(generation: number): Promise<void> {
  const signer = roots.get(generation)!;
  const issuer = await authority({ commonName: "identity.linkerd.cluster.local", signer });
  await apply(
    secretOf("linkerd-identity-issuer", {
      "tls.crt": pemOf(issuer),
      "tls.key": keyOf(issuer),
      "ca.crt": pemOf(signer),
    }),
  );
}

/** Makes an issuer of the organisation's, which signs with that generation. */
async function makeIssuer(generation: number): Promise<string> {
  const name = `company-${generation}`;
  const root = roots.get(generation)!;
  await apply(secretOf(name, { "tls.crt": pemOf(root), "tls.key": keyOf(root) }), {
    apiVersion: "cert-manager.io/v1",
    kind: "Issuer",
    metadata: { name, namespace: "linkerd" },
    spec: { ca: { secretName: name } },
  });
  return name;
}

interface Plan {
  readonly stage: string;
  readonly generations: readonly number[];
  readonly signingGeneration: number;
  readonly next: {
    readonly step: string;
    readonly handover?: readonly string[];
    readonly gates: readonly { readonly demand: string; readonly isOpen: boolean }[];
  };
}

/** Runs a command of the rotation, and gives where it stands then. */
async function rotate(command: string, expected: number, ...options: string[]): Promise<Plan> {
  const confirmed = command === "plan" ? [] : ["--yes"];
  const { code, stdout, stderr } = await operation("rotate", command, "--json", ...confirmed, ...options);
  assert.equal(code, expected, stdout + stderr);
  return JSON.parse(stdout) as Plan;
}

const blocks = commandBlocks("docs/rotation.md").filter(
  ({ remark }) => remark === "run by test/onRequest/staged.cluster.test.ts",
);

/** Runs a command of docs/rotation.md as a reader would, with the certificate of that generation. */
async function follow(command: string, expected: number, generation: number): Promise<string> {
  const { script } = blocks.find(({ script: one }) =>
    `${one}\n`.startsWith(`npm run -s rotate -- ${command}`),
  )!;
  const typed = script.replace("../pki/root-2.pem", fileOf(generation));
  const { code, stdout, stderr } = await execute("bash", ["-c", `set -e -o pipefail\n${typed}`]);
  assert.equal(code, expected, stdout + stderr);
  return stdout;
}

/** A command of the rotation, which must be refused. */
async function refusedRotation(...options: string[]): Promise<string> {
  const { code, stdout, stderr } = await operation("rotate", ...options);
  assert.equal(code, 2, stdout + stderr);
  return stderr;
}

const shut = ({ next }: Plan) => next.gates.filter(({ isOpen }) => !isOpen).map(({ demand }) => demand);
const where = ({ stage, generations, signingGeneration }: Plan) => ({
  stage,
  generations,
  signingGeneration,
});

/** No connection of the load is refused while it is done. */
async function undisturbed(work: () => Promise<void>): Promise<void> {
  const { handshakes, refused: refusedOnes, last } = await meanwhile(work);
  assert.deepEqual(refusedOnes, {}, JSON.stringify(last.slice(-5)));
  assert.ok(handshakes > 0);
}

/** Finishes, once every proxy has a certificate that leads to the new anchor alone. */
async function finish(generation: number): Promise<void> {
  await until("every proxy to have renewed its certificate", 8 * 60_000, async () => {
    const gates = shut(await rotate("plan", 0));
    return gates.length === 0 || gates.join();
  });
  await follow("finish", 0, generation);
  const expected = { stage: "idle", generations: [generation], signingGeneration: generation };
  assert.deepEqual(where(await rotate("plan", 0)), expected);
  await upChangesNothing();
}

/** Installs the mesh: `up` makes the namespace, and waits until the owner has written the issuer. */
async function upOnceIssuerIsWritten(): Promise<void> {
  let seen = "";
  let written: Promise<void> | undefined;
  const { code, stdout, stderr } = await execute("pulumi", ["up", "--yes", "--skip-preview"], (text) => {
    seen += text;
    if (seen.includes("Waiting for Secret linkerd/linkerd-identity-issuer")) written ??= writeIssuer(1);
  });
  assert.equal(code, 0, stdout + stderr);
  await written;
}

before(async () => {
  await startSandbox("kwok", "mesh-load");
  // So long that a proxy has its certificate for a while after another one signs.
  await set("issuanceLifetime", "120s");
  await set("clockSkewAllowance", "10s");
  for (const generation of [1, 2, 3]) {
    const root = await authority({
      commonName: `company root ${generation}`,
      notAfter: hoursFromNow(87_600),
    });
    roots.set(generation, root);
    writeFileSync(fileOf(generation), pemOf(root));
  }
  await set("identityIssuerSource", "secret");
  await set("providedTrustAnchors.1.certificateFile", fileOf(1));
  await upOnceIssuerIsWritten();
  await startLoad({ simulated: 0, running: 3 });
});
after(removeSandbox);

test("the next anchor is theirs to give, and joins the bundle while the old one signs", async () => {
  assert.match(
    await refusedRotation("begin", "--yes"),
    /someone else signs with it \(identityIssuerSource\).*begin --certificate-file <pem>/,
  );
  assert.match(await refusedRotation("begin", "--distrust", "--yes"), /--distrust would cut off every pod/);
  await undisturbed(async () => {
    const begun = await rotate("begin", 0, "--certificate-file", fileOf(2));
    assert.deepEqual(where(begun), { stage: "distributed", generations: [1, 2], signingGeneration: 1 });
  });
});

test("it is taken back as long as nothing leads to it", async () => {
  await undisturbed(async () => {
    assert.deepEqual(where(await rotate("abort", 0)), {
      stage: "idle",
      generations: [1],
      signingGeneration: 1,
    });
  });
  await upChangesNothing();
  assert.equal((await rotate("begin", 0, "--certificate-file", fileOf(2))).stage, "distributed");
});

test("it is not activated before every pod holds it; then, the command says by whom", async () => {
  const early = await rotate("activate", 1);
  assert.deepEqual(shut(early), ["Every pod of the mesh was started with generation 2."]);
  const ready = await rotate("activate", 1, "--restart");
  assert.deepEqual([ready.stage, shut(ready)], ["distributed", []]);
  assert.deepEqual(ready.next.handover, [
    'Whoever writes Secret linkerd/linkerd-identity-issuer (identityIssuerSource: secret) writes an issuer there that is signed with generation 2, "company root 2".',
  ]);
  assert.equal((await rotate("run", 0)).stage, "distributed");
});

test("the anchor to which the stored issuer leads does not leave by hand, in a preview either", async () => {
  await unset("trustAnchorGenerations");
  await set("trustAnchorGenerations[0]", "2");
  await unset("providedTrustAnchors.1");
  for (const command of ["preview", "up"] as const) {
    const output = await refused(command);
    assert.ok(says(output, refusals.update.neededElsewhere), output);
  }
  for (const generation of [1, 2]) await set(`trustAnchorGenerations[${generation - 1}]`, `${generation}`);
  await set("providedTrustAnchors.1.certificateFile", fileOf(1));
  await upChangesNothing();
});

test("what the owner has done is seen, and the old anchor goes when no certificate leads to it", async () => {
  await undisturbed(async () => {
    await writeIssuer(2);
    const activated = await rotate("activate", 0);
    assert.deepEqual(where(activated), { stage: "alone", generations: [1, 2], signingGeneration: 2 });
    assert.deepEqual(shut(activated), [
      "Every proxy has renewed its certificate since generation 2 signs alone.",
    ]);
    assert.equal((await rotate("finish", 1)).stage, "alone");
    const { next } = await rotate("abort", 1);
    assert.match(next.handover!.join(), /that is signed with generation 1, "company root 1"/);
    await finish(2);
  });
});

test("an issuer by reference: another one is refused while a pod would refuse it", async () => {
  const [second, third] = [await makeIssuer(2), await makeIssuer(3)];
  await unset("identityIssuerSource");
  await set("identityIssuerRef.name", second);
  await up();
  await undisturbed(async () => {
    await follow("begin", 0, 3);
    const expected = { stage: "distributed", generations: [2, 3], signingGeneration: 2 };
    assert.deepEqual(where(await rotate("plan", 0)), expected);
    await set("identityIssuerRef.name", third);
    const early = await refused("up");
    assert.ok(says(early, refusals.cluster.signerElsewhereEarly), early);
    await set("identityIssuerRef.name", second);
    assert.match(
      await follow("activate --restart", 1, 3),
      /Or another issuer signs with it already: set identityIssuerRef to that\. Then: pulumi up, and npm run -s renew$/m,
    );
    await set("identityIssuerRef.name", third);
    await up();
    // cert-manager leaves an issuer alone that it has not issued itself, as the one that the owner had written.
    await renew();
    assert.match(await follow("activate\n", 0, 3), /^Stack \S+: generation 3 signs alone/);
    await finish(3);
  });
  assert.equal(blocks.length, 4);
});
