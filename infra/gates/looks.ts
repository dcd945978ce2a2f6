/** What the gates look at on a cluster. Without Pulumi, so that a preview's thread can look. */
import type { Cluster } from "../../mesh/cluster.ts";
import { findRelease, listReleases } from "../../mesh/helmReleases.ts";
import { findObject } from "../../mesh/objects.ts";
import { findNeededAnchors, findNeededByIssuer, findRefusingPods } from "./anchorHolders.ts";
import { findGuardMisfits } from "./guardMisfits.ts";
import {
  findAdmissionMisfits,
  findAnchorLifeMisfits,
  findDefinitionMisfits,
  findKubernetesMisfits,
  findRunningBundle,
} from "./misfits.ts";

const looks = {
  findKubernetesMisfits,
  findDefinitionMisfits,
  findRunningBundle,
  findAnchorLifeMisfits,
  findAdmissionMisfits,
  findGuardMisfits,
  findRefusingPods,
  findNeededAnchors,
  findNeededByIssuer,
  findObject,
  findRelease,
  listReleases,
};

type Looks = typeof looks;
type Arguments<Name extends keyof Looks> =
  Parameters<Looks[Name]> extends [unknown, ...infer Rest] ? Rest : never;

/** Looks at the cluster, from wherever its client is. Arguments and answers can pass between threads. */
export type Look = <Name extends keyof Looks>(
  name: Name,
  ...args: Arguments<Name>
) => ReturnType<Looks[Name]>;

/** Looks with a client of this thread. */
export function lookWith(cluster: Promise<Cluster>): Look {
  // Each look takes what its own arguments say.
  return (async (name: keyof Looks, ...args: unknown[]) =>
    (looks[name] as (cluster: Cluster, ...args: unknown[]) => unknown)(await cluster, ...args)) as Look;
}
