/** How long webhook certificates and their CA live, and how these lives must relate. */

import type { Finding } from "../finding.ts";
import { broken } from "../rules.ts";
import type { Settings } from "../settings/settings.ts";
import { parseDuration } from "./duration.ts";
import { checkRenewal, readDuration } from "./renewal.ts";

/** Ten years, renewed in the middle: neither is ever near its end, and the key is the same in both. */
export const webhookAuthorityLifetimes = { duration: "87600h", renewBefore: "43800h" } as const;

/** Checks lifetimes against each other, against cert-manager's bounds and against their CA's. */
export function* checkWebhookLifetimes(webhooks: Settings["webhooks"]): Iterable<Finding> {
  const duration = yield* readDuration(
    "webhooks.certificateDuration",
    webhooks.certificateDuration,
    "duration-minimum",
  );
  const renewBefore = yield* readDuration(
    "webhooks.certificateRenewBefore",
    webhooks.certificateRenewBefore,
    "renew-before-minimum",
  );
  yield* checkRenewal(duration, renewBefore);
  const longest = webhookAuthorityLifetimes.renewBefore;
  if (duration && duration.nanoseconds > parseDuration(longest)) {
    yield broken("webhook-outlives-authority", {
      field: duration.field,
      message: `${duration.text} is longer than ${longest}, the least time that their CA has left: certificates could outlive it.`,
      fix: `Set it to 24h, or to a different time up to ${longest}.`,
    });
  }
}
