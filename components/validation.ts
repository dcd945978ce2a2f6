/** Refusing settings: at once if their values are plain, and as soon as they are known if they are Outputs. */
import * as pulumi from "@pulumi/pulumi";
import { valueAt } from "../rules/charts/values.ts";
import { describeFinding, describeFindings, type Finding } from "../rules/finding.ts";
import { isLater } from "../rules/known.ts";
import { checkSettings } from "../rules/settings/check.ts";
import type { Settings } from "../rules/settings/settings.ts";
import {
  type ResolvedSettings,
  type RotatingLinkerdArgs,
  resolve,
  withSetting,
} from "./rotatingLinkerdArgs.ts";

/**
 * Passes if there are no errors among the findings. Warnings are logged.
 *
 * @throws pulumi.RunError with every error, its field and its fix. Pulumi shows its message alone, without a stack.
 */
export function requireSound(findings: readonly Finding[]): void {
  for (const finding of findings.filter(({ severity }) => severity === "warning")) {
    pulumi.log.warn(describeFinding(finding));
  }
  const errors = findings.filter(({ severity }) => severity === "error");
  if (errors.length > 0) throw new pulumi.RunError(describeFindings(errors));
}

/** Settings that rules judge, and that may be Outputs. None of them is a secret. */
const judged = {
  clusterDomain: true,
  trustDomain: true,
  helmTimeoutSeconds: true,
  trustAnchor: ["validityPeriodHours", "rotationAllowance", "duration", "renewBefore", "warnBefore"],
  identityIssuer: ["duration", "renewBefore", "issuanceLifetime", "clockSkewAllowance"],
  webhooks: ["certificateDuration", "certificateRenewBefore"],
  certManager: ["namespace", "chartVersion", "chartRepository"],
  trustManager: ["chartVersion"],
  crds: ["chartVersion"],
  controlPlane: ["namespace", "chartRepository"],
  cni: ["namespace"],
  viz: ["namespace", "chartVersion"],
  guard: [],
  alerts: [],
} as const satisfies { readonly [Group in keyof Settings]: true | readonly (keyof Settings[Group])[] };

/** Puts a finding into the words of the caller's own settings. */
export type Spelling = (finding: Finding) => Finding;

/** Arguments that have been through {@link resolveSound}, what they came to, and in whose words. */
const resolved = new WeakMap<
  RotatingLinkerdArgs,
  { readonly settings: ResolvedSettings; readonly spell: Spelling }
>();

/** The words in which findings about these arguments are told: those of the stack's configuration, if they are from there. */
export function spellingOf(args: RotatingLinkerdArgs): Spelling {
  return resolved.get(args)?.spell ?? ((finding) => finding);
}

/**
 * Resolves arguments and checks them, once: whoever asks again gets the same settings, and no warning a second time.
 *
 * Settings that are Outputs come back as Outputs that fail with what is wrong, so that nothing is made of one before all
 * of them are known and sound together.
 *
 * @param spell Defaults to the names of the arguments.
 * @throws pulumi.RunError as {@link requireSound} does, with what is wrong with those that are plain.
 */
export function resolveSound(
  args: RotatingLinkerdArgs,
  spell: Spelling = spellingOf(args),
): ResolvedSettings {
  const known = resolved.get(args);
  if (known !== undefined) return known.settings;
  const settings = resolve(args);
  const found = checkSettings(settings).map(spell);
  requireSound(found);
  // What has been warned of already is not warned of again.
  const told = new Set(found.map(describeFinding));
  const sound = soundOutputs(settings, (whole) =>
    requireSound(
      checkSettings(whole)
        .map(spell)
        .filter((finding) => !told.has(describeFinding(finding))),
    ),
  );
  resolved.set(args, { settings: sound, spell });
  return sound;
}

function soundOutputs(settings: ResolvedSettings, check: (whole: Settings) => void): ResolvedSettings {
  const certificates = Object.keys(settings.trustAnchor.provided).map(
    (generation) => `trustAnchor.provided.${generation}.certificatePem`,
  );
  const paths = Object.entries<true | readonly string[]>(judged)
    .flatMap(([group, names]) => (names === true ? [group] : names.map((name) => `${group}.${name}`)))
    .concat(certificates)
    .filter((path) => isLater(valueAt(settings, path)));
  if (paths.length === 0) return settings;
  const outputs = Object.fromEntries(
    paths.map((path) => {
      const value = valueAt(settings, path);
      // A certificate is public, whatever it was kept with.
      return [path, certificates.includes(path) ? pulumi.unsecret(pulumi.output(value)) : value];
    }),
  );
  const replaced = (value: (path: string) => unknown) =>
    paths.reduce((all, path) => withSetting(all, path, value(path)), settings);
  const checked = pulumi.output(outputs).apply((values) => {
    check(replaced((path) => values[path]));
    return values;
  });
  return replaced((path) => checked.apply((values) => values[path]));
}
