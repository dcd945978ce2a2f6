/** The mesh's trust anchors: where they come from, which generations there are, and which of them signs. */
import { createRequire } from "node:module";
import { extname } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { certManagerHas } from "../charts/certManager.ts";
import { valueAt } from "../charts/values.ts";
import type { Finding } from "../finding.ts";
import { isPlainObject, known } from "../known.ts";
import { readDuration } from "../lifetimes/renewal.ts";
import { broken } from "../rules.ts";
import { defaults } from "./defaults.ts";
import { checkChoice, checkParts } from "./parts.ts";
import type {
  checkProvidedAnchors as all,
  checkProvidedAnchor as one,
  crossCertificateSubject as subject,
} from "./providedAnchor.ts";
import { type ProvidedTrustAnchor, type Settings, signedElsewhere, signingGeneration } from "./settings.ts";

/** Settings that say how an anchor of one source lives, and nothing about one of the other. */
const settingsOfSource = {
  stack: [
    "generations",
    "signing",
    "crossSign",
    "distrusted",
    "rotationAllowance",
    "validityPeriodHours",
    "provided",
  ],
  cluster: ["duration", "renewBefore"],
} as const;

/** Checks where the anchors come from, by themselves and against who signs. */
export function* checkTrustAnchor(settings: Settings, now: Date): Iterable<Finding> {
  const { source } = settings.trustAnchor;
  const choice = checkChoice("trust-anchor-source", "trustAnchor.source", source, ["stack", "cluster"]);
  yield* choice;
  if (choice.length > 0) return;
  yield* checkUnused(settings.trustAnchor);
  yield* readDuration("trustAnchor.rotationAllowance", settings.trustAnchor.rotationAllowance);
  // While it is not known, nothing is warned of; once it is, everything is looked at again.
  const { text = "0" } =
    (yield* readDuration("trustAnchor.warnBefore", settings.trustAnchor.warnBefore)) ?? {};
  yield* source === "cluster" ? checkClusterAnchor(settings) : checkStackAnchors(settings, text, now);
}

/** Refuses settings of the other source, which would have no effect. */
function* checkUnused(trustAnchor: Settings["trustAnchor"]): Iterable<Finding> {
  const other = trustAnchor.source === "stack" ? "cluster" : "stack";
  for (const name of settingsOfSource[other]) {
    const value = trustAnchor[name];
    if (isDeepStrictEqual(value, defaults.trustAnchor[name])) continue;
    // An object may hold a key.
    const shown = typeof value !== "object" || Array.isArray(value) ? ` (${JSON.stringify(value)})` : "";
    yield broken("other-trust-anchor-source", {
      field: `trustAnchor.${name}`,
      message: `This setting${shown} is about an anchor of trustAnchor.source "${other}"; the source is "${trustAnchor.source}".`,
      fix: "Remove it, or change trustAnchor.source.",
    });
  }
}

function* checkStackAnchors(settings: Settings, warnBefore: string, now: Date): Iterable<Finding> {
  const { generations, provided } = settings.trustAnchor;
  const signing = signingGeneration(settings);
  yield* checkGenerations(generations, signing);
  yield* checkDistrusted(settings, signing);
  yield* checkProvided(settings, signing, warnBefore, now);
  const signer = signing === undefined ? undefined : provided[signing];
  if (isPlainObject(signer) && signer.privateKeyPem === undefined) {
    yield broken("signing-key", {
      field: "trustAnchor.signing",
      message: `Generation ${signing} is provided without its private key, so it cannot sign.`,
      fix: `Set trustAnchor.provided.${signing}.privateKeyPem as a secret; or let someone else sign: identityIssuer.issuerRef, identityIssuer.vault, or identityIssuer.source: secret. If the key is lost: npm run -s rotate -- begin --distrust, which says first what that interrupts.`,
    });
  }
}

/** The list goes up: the numbers count the anchors in the order in which they were made. */
function* checkGenerations(generations: readonly number[], signing: number | undefined): Iterable<Finding> {
  const listed = `[${generations.join(", ")}]`;
  const isSound = generations.every(
    (generation, index) => Number.isSafeInteger(generation) && generation > (generations[index - 1] ?? 0),
  );
  if (generations.length === 0 || !isSound) {
    yield broken("anchor-generations", {
      field: "trustAnchor.generations",
      message: `${listed} is not a list of whole numbers from 1 on, each once, the oldest first.`,
    });
  } else if (signing !== undefined && !generations.includes(signing)) {
    yield broken("signing-generation", {
      field: "trustAnchor.signing",
      message: `${signing} is not among trustAnchor.generations ${listed}: no proxy would trust what it signs.`,
      fix: "Add it to trustAnchor.generations, or name a generation that is listed.",
    });
  }
}

/** Only what has signed before the generation that signs now can be distrusted, and it stays listed until nobody holds it. */
function* checkDistrusted({ trustAnchor }: Settings, signing: number | undefined): Iterable<Finding> {
  const { generations, distrusted } = trustAnchor;
  const other = distrusted.find(
    (one) => !generations.includes(one) || (signing !== undefined && one >= signing),
  );
  if (other === undefined) return;
  yield broken("distrusted-generation", {
    field: "trustAnchor.distrusted",
    message: generations.includes(other)
      ? `Generation ${other} is not older than generation ${signing}, which signs: the mesh would trust nothing by which it accepts that.`
      : `Generation ${other} is not among trustAnchor.generations [${generations.join(", ")}].`,
    fix: generations.includes(other)
      ? "Let a newer generation sign, which is not distrusted."
      : "Remove it here: what is not listed is not trusted.",
  });
}

function* checkProvided(
  settings: Settings,
  signing: number | undefined,
  warnBefore: string,
  now: Date,
): Iterable<Finding> {
  const { provided, generations } = settings.trustAnchor;
  const sound: [string, ProvidedTrustAnchor][] = [];
  for (const [generation, anchor] of Object.entries(provided)) {
    const field = `trustAnchor.provided.${generation}`;
    const shape = checkParts(field, anchor, ["certificatePem"], ["privateKeyPem", "crossCertificatePem"]);
    yield* shape;
    if (shape.length > 0) continue;
    sound.push([generation, anchor]);
    if (generations.some((listed) => String(listed) === generation)) continue;
    yield broken("provided-generation", {
      field,
      message: `trustAnchor.generations [${generations.join(", ")}] does not list generation ${generation}.`,
      fix: "Add it there, or remove the anchor.",
    });
  }
  if (sound.length === 0) return;
  const trustAnchor = { ...settings.trustAnchor, provided: Object.fromEntries(sound) };
  yield* readers().checkProvidedAnchors({ ...settings, trustAnchor }, signing, warnBefore, now);
}

const require = createRequire(import.meta.url);

/**
 * What reads certificates, which is more code than all other rules, and most meshes make their anchors: so it is loaded
 * when it is called. In the package the module is JavaScript, as this one is.
 */
function readers(): {
  readonly checkProvidedAnchor: typeof one;
  readonly checkProvidedAnchors: typeof all;
  readonly crossCertificateSubject: typeof subject;
} {
  return require(`./providedAnchor${extname(import.meta.filename)}`);
}

/** Checks the texts of one anchor that is given, as far as they are known. */
export function checkProvidedAnchor(...anchor: Parameters<typeof one>): Finding[] {
  return [...readers().checkProvidedAnchor(...anchor)];
}

/** The subject of a certificate, as the TLS provider takes it for a certificate request. */
export function crossCertificateSubject(certificatePem: string) {
  return readers().crossCertificateSubject(certificatePem);
}

function* checkClusterAnchor(settings: Settings): Iterable<Finding> {
  const { certManager, trustAnchor } = settings;
  if (
    certManagerHas("disabledRenewal", certManager) &&
    trustAnchor.renewBefore !== defaults.trustAnchor.renewBefore
  ) {
    yield broken("anchor-renewal-off", {
      field: "trustAnchor.renewBefore",
      message:
        "This setting has no effect: cert-manager is told not to renew the anchor by itself, and leaves it alone until its end.",
    });
  }
  const elsewhere = signedElsewhere(settings);
  if (elsewhere !== undefined) {
    yield broken("one-issuer-source", {
      field: elsewhere,
      message: `trustAnchor.source is "cluster" as well, whose anchor signs the identity issuer and nothing else.`,
      fix: `Remove it, or set trustAnchor.source to "stack".`,
    });
  }
  const namespace = known(certManager.namespace);
  const lookedInto = valueAt(certManager.values, "clusterResourceNamespace");
  if (typeof lookedInto === "string" && lookedInto !== "" && lookedInto !== namespace) {
    yield broken("cluster-resource-namespace", {
      field: "certManager.values.clusterResourceNamespace",
      message: `cert-manager would look for the trust anchor in "${lookedInto}", but it is in "${namespace}".`,
      fix: "Remove it: the default is cert-manager's own namespace.",
    });
  }
}
