/** What a change of the trust anchors would do to the mesh that runs: who signs is trusted there first, and what goes may go. */
import { X509Certificate } from "node:crypto";
import { joinBundle, splitBundle } from "../credentials/bundle.ts";
import { quoted } from "../credentials/certificate.ts";
import type { PemText } from "../credentials/pemText.ts";
import type { Finding } from "../finding.ts";
import { known } from "../known.ts";
import { durationMilliseconds } from "../lifetimes/duration.ts";
import { trustAnchorCommonName } from "../linkerdNames.ts";
import { broken } from "../rules.ts";
import { type CrossSigning, crossSignings } from "../settings/crossSigning.ts";
import type { Settings } from "../settings/settings.ts";
import { distrustedGenerations, signingGeneration } from "../settings/settings.ts";

/** The anchors that a stack is going to have, as far as they are known before they are made. Can be sent to a thread. */
export interface PlannedAnchors {
  readonly generations: readonly number[];
  /** `undefined` if none of them signs. */
  readonly signing: number | undefined;
  /** In PEM, by their generation, those that are given; all others are made. */
  readonly provided: Readonly<Record<string, string>>;
  /** Life of those that are made; `undefined` if only the engine knows. */
  readonly validityPeriodHours: number | undefined;
  /** Why none may be deleted; absent if they may. */
  readonly protection: string | undefined;
  /** Those of them that the mesh no longer trusts, and that are still there. */
  readonly distrusted: readonly number[];
  /** Who vouches for the signing generation, and who for that one. */
  readonly crossSigned: readonly CrossSigning[];
  /** Life that must be left of one that begins to vouch; `undefined` if only the engine knows. */
  readonly rotationAllowance: string | undefined;
}

/** `undefined` where the cluster keeps the anchor, and where only the engine will know all that is given. */
export function plannedAnchors(settings: Settings): PlannedAnchors | undefined {
  const { source, generations, protect } = settings.trustAnchor;
  const validityPeriodHours = known(settings.trustAnchor.validityPeriodHours);
  const provided: Record<string, string> = {};
  for (const [generation, { certificatePem }] of Object.entries(settings.trustAnchor.provided)) {
    const pem = known(certificatePem);
    if (pem === undefined) return undefined;
    provided[generation] = joinBundle([pem]);
  }
  const signing = signingGeneration(settings);
  const protection = protect ? "trustAnchor.protect is true" : undefined;
  const rotationAllowance = known(settings.trustAnchor.rotationAllowance);
  const crossSigned = crossSignings(settings);
  if (source === "cluster") return undefined;
  return {
    ...{ generations, signing, provided, validityPeriodHours, protection, crossSigned, rotationAllowance },
    distrusted: distrustedGenerations(settings),
  };
}

/** The generations that the bundle is going to have. */
export function trustedGenerations({ generations, distrusted }: PlannedAnchors): readonly number[] {
  return generations.filter((generation) => !distrusted.includes(generation));
}

/** Checks what is planned against the bundle of the mesh that runs. One that cannot be read is for the run to mend. */
export function* checkAnchorChange(
  bundle: PemText,
  planned: PlannedAnchors,
  now = new Date(),
): Iterable<Finding> {
  const { generations, provided, validityPeriodHours } = planned;
  const { field, text } = bundle;
  const running = readBundle(text);
  if (running.length === 0) return;
  yield* checkSigner(field, running, planned, now);
  yield* checkNew(running, planned);
  const made = running.filter((anchor) =>
    generations.some((one) => provided[one] === undefined && isGeneration(anchor, one, planned)),
  );
  const other = made.find((anchor) => ![undefined, hoursOf(anchor)].includes(validityPeriodHours));
  if (other !== undefined) {
    yield broken("setting-kept", {
      field: "trustAnchor.validityPeriodHours",
      message: `Anchor ${quoted(nameOf(other))} of the running mesh lives ${hoursOf(other)} h. With ${validityPeriodHours} h it would be replaced by another one under the same name, which no proxy trusts.`,
      fix: `Set it back to ${hoursOf(other)}.`,
    });
  }
}

/**
 * Refuses to make a generation that the running mesh has already: the new one would be another anchor under the same name.
 *
 * @param part what of it would be made. Of one that has ended, the certificate may be: its subject and key stay, since they are
 *   refused themselves, and by these alone proxies know it.
 */
export function* checkRemade(
  { field, text }: PemText,
  planned: PlannedAnchors,
  generation: number,
  part: "subject" | "key" | "certificate",
  now = new Date(),
): Iterable<Finding> {
  // One that is given stays what it is.
  if (planned.provided[generation] !== undefined) return;
  const running = readBundle(text).find((anchor) => isGeneration(anchor, generation, planned));
  if (running === undefined) return;
  if (part === "certificate" && running.validToDate < now) return;
  yield broken("anchor-made-once", {
    field: "trustAnchor.generations",
    message: `Generation ${generation} would be made anew, as another anchor under the same name. The running mesh has ${quoted(nameOf(running))} in its bundle (${field}), and no proxy would trust the new one.`,
  });
}

/** The names of the running mesh's anchors that are not planned any more, in quotes. */
export function leavingAnchors({ text }: PemText, planned: PlannedAnchors): readonly string[] {
  return readBundle(text)
    .filter((anchor) => !planned.generations.some((one) => isGeneration(anchor, one, planned)))
    .map((anchor) => quoted(nameOf(anchor)));
}

/** Whoever signs is trusted by the mesh that runs, itself or by the word of an older generation that lasts long enough. */
function* checkSigner(
  field: string,
  running: readonly X509Certificate[],
  planned: PlannedAnchors,
  now: Date,
): Iterable<Finding> {
  const { signing, crossSigned, rotationAllowance } = planned;
  const rootOf = (generation: number) => running.find((anchor) => isGeneration(anchor, generation, planned));
  if (signing === undefined || rootOf(signing) !== undefined || isDistrusted(running, planned)) return;
  const [voucher] = crossSigned.flatMap(({ by }) => rootOf(by) ?? []);
  if (voucher === undefined) {
    const listed = running.map((anchor) => quoted(nameOf(anchor))).join(", ");
    yield broken("signer-trusted", {
      field: "trustAnchor.signing",
      message: `Generation ${signing} is to sign. It is not in the bundle of the running mesh (${field}: ${listed}), and no generation that is vouches for it: identity controllers and proxies that run would refuse what it signs.`,
    });
    return;
  }
  const left = voucher.validToDate.getTime() - now.getTime();
  if (rotationAllowance === undefined || left >= durationMilliseconds(rotationAllowance)) return;
  yield broken("rotation-allowance", {
    field: "trustAnchor.signing",
    message: `Generation ${signing} is to sign by the word of ${quoted(nameOf(voucher))}, which ends at ${voucher.validToDate.toISOString()}. Less than ${rotationAllowance} is left until then (trustAnchor.rotationAllowance), and all proxies fail if it is still in use at its end.`,
  });
}

/** Whether the running mesh is to trust nothing of what it trusts now, and the stack says so in as many words. */
function isDistrusted(running: readonly X509Certificate[], planned: PlannedAnchors): boolean {
  return running.every((anchor) => planned.distrusted.some((one) => isGeneration(anchor, one, planned)));
}

/** One generation joins a mesh that runs, and it takes the next when every pod has that one. */
function* checkNew(running: readonly X509Certificate[], planned: PlannedAnchors): Iterable<Finding> {
  const joining = trustedGenerations(planned).filter(
    (generation) => !running.some((anchor) => isGeneration(anchor, generation, planned)),
  );
  if (joining.length < 2) return;
  yield broken("one-new-generation", {
    field: "trustAnchor.generations",
    message: `[${planned.generations.join(", ")}] would add generations ${joining.join(" and ")} to the bundle of the running mesh at once, and each takes a rotation of its own.`,
  });
}

/**
 * Whether pods of the running mesh may refuse what is going to sign: where each anchor of its bundle signs or vouches, and
 * stays, every pod that was started with one of them accepts it. Those of one that is distrusted are meant to refuse it.
 */
export function needsHolders({ text }: PemText, planned: PlannedAnchors): boolean {
  const { signing, crossSigned, distrusted } = planned;
  if (signing === undefined) return false;
  const accepted = [signing, ...crossSigned.map(({ by }) => by), ...distrusted];
  return readBundle(text).some(
    (anchor) => !accepted.some((generation) => isGeneration(anchor, generation, planned)),
  );
}

/** The anchors that the running mesh has, and keeps. */
export function keptBundle({ text }: PemText, planned: PlannedAnchors): PemText {
  const field = "the running mesh's trust anchors (trustAnchor.provided, in a run before this one)";
  return { field, text: keptOf(text, planned).join("\n") };
}

/**
 * The anchors that the mesh is going to have, but for those that are still to be made: nobody has signed with them yet.
 *
 * @param running the bundle of the mesh that runs; absent if none does.
 * @returns `undefined` if nothing is known of any.
 */
export function plannedBundle(running: PemText | undefined, planned: PlannedAnchors): PemText | undefined {
  const given = trustedGenerations(planned).flatMap((generation) => planned.provided[generation] ?? []);
  const all = new Set([...given, ...(running === undefined ? [] : keptOf(running.text, planned))]);
  return all.size === 0 ? undefined : { field: "The mesh's trust anchors", text: [...all].join("\n") };
}

/** None if any of it cannot be read. */
function readBundle(text: string): X509Certificate[] {
  try {
    return splitBundle(text).map((pem) => new X509Certificate(pem));
  } catch {
    return [];
  }
}

function keptOf(running: string, planned: PlannedAnchors): string[] {
  return readBundle(running)
    .filter((anchor) => trustedGenerations(planned).some((one) => isGeneration(anchor, one, planned)))
    .map((anchor) => anchor.toString().trimEnd());
}

/** Whether an anchor of the running mesh is that generation, or has its subject and key. */
export function isGeneration(
  running: X509Certificate,
  generation: number,
  { provided }: PlannedAnchors,
): boolean {
  const pem = provided[generation];
  // One that is made is called by its generation, in whichever trust domain; so is many another, which lacks the number.
  if (pem === undefined)
    return nameOf(running).startsWith(trustAnchorCommonName(generation, "")) && isNumbered(running);
  const given = new X509Certificate(pem);
  return given.subject === running.subject && given.publicKey.equals(running.publicKey);
}

/** Whether its name has the random number that this program gives to each anchor that it makes (TrustAnchor). */
const isNumbered = ({ subject }: X509Certificate) => /^serialNumber=[0-9a-f]{16}$/m.test(subject ?? "");

const hoursOf = ({ validFromDate, validToDate }: X509Certificate) =>
  Math.round((validToDate.getTime() - validFromDate.getTime()) / 3_600_000);

const nameOf = ({ subject }: X509Certificate) => /^CN=(.*)$/m.exec(subject ?? "")?.[1] ?? "no name";
