/** The kinds of environment: what a stack of each sets, and why. */
import { defaults } from "../../rules/settings/defaults.ts";
import type { Choice } from "../choice.ts";

export const environments = ["development", "staging", "production"] as const;
export type Environment = (typeof environments)[number];

/** Words of a stack's name that tell its environment; the first that fits counts, so `pre-prod` is staging. */
const words: Readonly<Record<Environment, readonly string[]>> = {
  development: ["dev", "develop", "development", "test", "local"],
  staging: ["staging", "stage", "stg", "pre", "preprod", "uat"],
  production: ["prod", "prd", "production", "live"],
};

/** The environment that a stack's name tells, such as production for `prod-eu`. */
export function environmentOf(stack: string): Environment | undefined {
  const said = stack.toLowerCase().split(/[-_.]/);
  return environments.find((environment) => words[environment].some((word) => said.includes(word)));
}

interface Character {
  /** What such an environment is for. */
  readonly purpose: string;
  readonly protection: Choice;
  readonly definitions: Choice;
  readonly availability: Choice;
  readonly lifetimes: Choice;
  readonly patience: Choice;
}

const { duration, renewBefore, issuanceLifetime } = defaults.identityIssuer;
const standardLifetimes = { issuerDuration: duration, issuerRenewBefore: renewBefore, issuanceLifetime };

const isProtected: Choice = {
  why: "Neither `pulumi destroy` nor a changed setting can delete or replace the trust anchor by accident.",
  settings: { protectTrustAnchors: true },
};
const definitionsStay: Choice = {
  why: "`pulumi destroy` leaves cert-manager's definitions, and so every Certificate of the cluster, whoever made it.",
  settings: { keepCertManagerCrds: true },
};
const standardPatience: Choice = {
  why: "A Helm operation that is not done in ten minutes is rolled back.",
  settings: { helmTimeoutSeconds: defaults.helmTimeoutSeconds },
};

/** The same settings in each, so that two stacks' files can be compared line by line. */
export const characters: Readonly<Record<Environment, Character>> = {
  development: {
    purpose: "A cluster to try things on, which may be thrown away.",
    protection: {
      why: "Nothing here is worth protecting: `pulumi destroy` removes it all at once.",
      settings: { protectTrustAnchors: false },
    },
    definitions: {
      why: "With cert-manager go its definitions, and with them every Certificate of the cluster.",
      settings: { keepCertManagerCrds: false },
    },
    availability: {
      why: "One replica of each workload, which fits on one node.",
      settings: { highAvailability: false },
    },
    lifetimes: {
      why: "The defaults: an issuer has 25 hours left at least, so a cluster that is off overnight finds it valid.",
      settings: standardLifetimes,
    },
    patience: {
      why: "What does not get ready in five minutes here will not get ready at all.",
      settings: { helmTimeoutSeconds: 300 },
    },
  },
  staging: {
    purpose: "What goes to production is here first, in production's shape.",
    protection: isProtected,
    definitions: definitionsStay,
    availability: {
      why: "Three replicas of each workload on three nodes, as in production.",
      settings: { highAvailability: true },
    },
    lifetimes: {
      why: "Shorter than in production: an issuer is renewed every 5 hours, so that what breaks renewal shows here first.",
      settings: { issuerDuration: "12h", issuerRenewBefore: "7h", issuanceLifetime: "6h" },
    },
    patience: standardPatience,
  },
  production: {
    purpose: "What users depend on.",
    protection: isProtected,
    definitions: definitionsStay,
    availability: {
      why: "Three replicas of each workload on three nodes, with the numbers of Linkerd's own values-ha.yaml.",
      settings: { highAvailability: true },
    },
    lifetimes: {
      why: "The defaults: an issuer is renewed every 23 hours, and outlives a day in which renewal fails.",
      settings: standardLifetimes,
    },
    patience: standardPatience,
  },
};
