#!/usr/bin/env node
/**
 * The policy pack: `pulumi preview --policy-pack policy/pack.ts`. Pulumi, from 3.255 on, runs it as it is.
 *
 * It is a program and not a folder with PulumiPolicy.yaml, since Pulumi's runner of such folders
 * (@pulumi/pulumi/cmd/run-policy-pack) registers ts-node whatever its options say, and that fails with TypeScript 7.
 */
import { findPackageJSON } from "node:module";
import { dirname } from "node:path";
import { type Policies, type PolicyConfigSchema, PolicyPack, type ReportViolation } from "@pulumi/policy";
import { fromEngine } from "./fromEngine.ts";
import { type Guardrail, guardrails, standardSettings } from "./guardrails.ts";
import type { Refusal } from "./resource.ts";

const report = (refusals: Iterable<Refusal>, reportViolation: ReportViolation) => {
  for (const { resource, message, fix } of refusals)
    reportViolation(`${message}\nFix: ${fix}`, resource?.urn);
};

const policies: Policies = Object.entries<Guardrail>(guardrails).map(
  ([name, { demand, resource, stack }]) => ({
    name,
    description: demand,
    ...(name === "lifetimes" && { configSchema: boundsSchema() }),
    ...(resource === undefined
      ? {
          validateStack: (args, violation) => {
            const settings = { ...standardSettings, ...args.getConfig() };
            report(stack(args.resources.map(fromEngine), settings, new Date()), violation);
          },
        }
      : { validateResource: (args, violation) => report(resource(fromEngine(args)), violation) }),
  }),
);

function boundsSchema(): PolicyConfigSchema {
  const duration = { type: "string", pattern: "^[0-9.hmsuµn]+$" } as const;
  return {
    properties: {
      anchorAtLeast: { ...duration, default: standardSettings.anchorAtLeast },
      issuerAtMost: { ...duration, default: standardSettings.issuerAtMost },
    },
  };
}

// The SDK reads the pack's version from package.json in the working directory, which is the project's.
process.chdir(dirname(findPackageJSON("..", import.meta.url)!));
new PolicyPack("linkerd-rotating-tls", { policies, enforcementLevel: "mandatory" });
