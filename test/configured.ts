/** Meshes for tests, set by the keys of a stack's configuration. */
import * as kubernetes from "@pulumi/kubernetes";
import { RotatingLinkerd } from "../components/index.ts";
import { resolve } from "../components/rotatingLinkerdArgs.ts";
import { argumentsOf, inConfiguration } from "../infra/config.ts";
import type { Finding } from "../rules/finding.ts";
import { checkSettings } from "../rules/settings/check.ts";
import { type Recorded, record } from "./registrations.ts";

/** Values by their keys; any may be an Output. */
export type Values = Readonly<Record<string, unknown>>;

/** What the component registers with these settings. */
export function build(values: Values): Promise<Recorded<RotatingLinkerd>> {
  return record(() => {
    const provider = new kubernetes.Provider("kubernetes", {});
    return new RotatingLinkerd("linkerd", argumentsOf(values), { provider });
  });
}

/** What is wrong with these settings. */
export function findingsOf(values: Values): Finding[] {
  return checkSettings(resolve(argumentsOf(values))).map(inConfiguration);
}
