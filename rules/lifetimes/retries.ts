/** When cert-manager tries again to issue a certificate after it has failed, and whether that is in time for a renewal. */
import { certManagerHas } from "../charts/certManager.ts";
import { type HelmValues, mergeValues, valueAt } from "../charts/values.ts";
import type { Finding } from "../finding.ts";
import { isLater } from "../known.ts";
import { broken } from "../rules.ts";
import type { Settings } from "../settings/settings.ts";
import { formatDuration, nanosecondsPerHour, parseDuration } from "./duration.ts";

type CertManager = Settings["certManager"];

/** How long cert-manager waits after a first failure – then twice as long after each further one – and at most. */
const standardWaits = { Minimum: "1h", Maximum: "32h" };

/** The longest wait where this program says it: cert-manager's shortest. */
const longestWait = "1h";

/** Helm values with which cert-manager tries every hour; none for one that cannot be told so, or whose user has it wait longer. */
export function retryValues(certManager: CertManager): HelmValues {
  if (!certManagerHas("maximumBackOff", certManager)) return {};
  // cert-manager does not start where the shortest wait is longer than the longest.
  const shortest = waitOf(certManager.values, "Minimum");
  return shortest === undefined || shortest > parseDuration(longestWait)
    ? {}
    : { config: { certificateRequestMaximumBackoffDuration: longestWait } };
}

/** How long these values let cert-manager wait, of which an argument wins; `undefined` if that is not known, or no duration. */
function waitOf(values: HelmValues, bound: keyof typeof standardWaits): bigint | undefined {
  const flag = `--certificate-request-${bound.toLowerCase()}-backoff-duration=`;
  const args = valueAt(values, "extraArgs") ?? [];
  const isFlag = (arg: unknown): arg is string => typeof arg === "string" && arg.startsWith(flag);
  const said =
    (Array.isArray(args) ? args.findLast(isFlag)?.slice(flag.length) : args) ??
    valueAt(values, `config.certificateRequest${bound}BackoffDuration`);
  if (isLater(said)) return undefined;
  try {
    // Zero stands for the standard.
    return parseDuration(`${said ?? 0}`) || parseDuration(standardWaits[bound]);
  } catch {
    return undefined;
  }
}

/**
 * How often cert-manager, with these values, tries again within a span after a first failure; `undefined` if that is not
 * known.
 */
export function retriesWithin(span: bigint, values: HelmValues): number | undefined {
  const [shortest, longest] = [waitOf(values, "Minimum"), waitOf(values, "Maximum")];
  if (shortest === undefined || longest === undefined) return undefined;
  let [retries, time, wait] = [0, shortest, shortest];
  while (time < span) {
    retries += 1;
    wait = wait * 2n < longest ? wait * 2n : longest;
    time += wait;
  }
  return retries;
}

/**
 * Warns where a failed renewal is not tried again in time: where fewer than two failures are survived, or where the last try
 * comes more than an hour before the certificate's end, so that its issuer can be back for longer and is not asked.
 */
export function* checkRetries(
  field: string,
  renewBefore: string,
  certManager: CertManager,
): Iterable<Finding> {
  const { install, chartVersion } = certManager;
  const end = parseDuration(renewBefore);
  if (install && isLater(chartVersion)) return;
  const values = install ? mergeValues(retryValues(certManager), certManager.values) : {};
  const [shortest, longest] = [waitOf(values, "Minimum"), waitOf(values, "Maximum")];
  if (shortest === undefined || longest === undefined) return;
  // Times of the tries after the first, which begins the renewal, up to one after which a certificate may end.
  const tries: bigint[] = [];
  let [time, wait] = [0n, shortest];
  do {
    time += wait;
    tries.push(time);
    wait = wait * 2n < longest ? wait * 2n : longest;
  } while (tries.length < 2 || (longest > nanosecondsPerHour && time + nanosecondsPerHour < end));
  if (time < end) return;
  const inTime = tries.filter((one) => one < end);
  const last = inTime.at(-1);
  yield broken("retries-in-time", {
    field,
    message:
      `${renewBefore} before the certificate's end, its renewal begins. ` +
      (last === undefined
        ? "If that fails, it is not tried again in time: "
        : `If that fails, it is tried again ${inTime.length === 1 ? "once" : `${inTime.length} times`}, at last after ${formatDuration(last)}, and not in the ${formatDuration(end - last)} before the end: `) +
      `the next try is after ${formatDuration(tries[inTime.length]!)}. cert-manager waits ${formatDuration(shortest)} after a ` +
      `first failure, and twice as long after each further one, up to ${formatDuration(longest)}` +
      `${install ? "" : ", if nobody has set this otherwise"}.`,
    fix:
      `Set ${field} to ${formatDuration(time + nanosecondsPerHour)}, and the certificate's duration to more than that.` +
      (longest > nanosecondsPerHour
        ? ` Or let cert-manager, from 1.21 on, try every hour: certificateRequestMaximumBackoffDuration ${longestWait} in its ` +
          `controller's configuration${install ? " (certManager.values.config), which is set where the chart's version is known" : ", which cannot be seen here"}.`
        : ""),
  });
}
