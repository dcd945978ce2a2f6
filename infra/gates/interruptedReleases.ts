/**
 * Lets a run go on after an earlier one was killed in the midst of a Helm operation.
 *
 * Killed, Pulumi forgets the operation, but the cluster has Helm's record of it, and the provider's own process may
 * still be at work. Helm then refuses the release's name until someone mends it: "cannot re-use a name that is still in
 * use", or "another operation is in progress". So before a release is created or changed, its record is looked at; and once
 * more if that process has written it between our look and our operation. If that is not possible, Helm has the last word.
 */
import { setTimeout } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import * as pulumi from "@pulumi/pulumi";
import type { Cluster } from "../../mesh/cluster.ts";
import { deleteRecords, findRelease, type ReleaseRecord } from "../../mesh/helmReleases.ts";
import { requested } from "../../mesh/requests.ts";
import { inputsOf, type ReleaseInputs, releaseType } from "./registration.ts";
import { isNew, type Run } from "./run.ts";

const pollMilliseconds = 1000;

/** How often an operation is tried again that another writer of the same record came before. */
const mostRetries = 3;

type Core = Pick<Cluster, "core">;
type Looking = Pick<Run, "look" | "namespace" | "installer">;

/** Helm is at work, or was when it was killed. */
const isUnfinished = ({ status }: ReleaseRecord) =>
  status.startsWith("pending-") || status === "uninstalling";

/**
 * Makes every Helm release in a component go on from what an interrupted run of the same stack has left.
 *
 * @param cluster absent in a preview, which looks, and changes nothing.
 */
export function continueInterruptedReleases(run: Looking, cluster?: Promise<Core>): pulumi.ResourceTransform {
  const { installer } = run;
  const onCreate = new pulumi.ResourceHook(
    "look for the release",
    async ({ newInputs }) =>
      cluster === undefined
        ? beforePreview(run, newInputs as ReleaseInputs)
        : beforeCreate(cluster, installer, await inputsOf(newInputs)),
    { onDryRun: true },
  );
  const onUpdate = new pulumi.ResourceHook("look at the release", async ({ newInputs }) => {
    if (cluster !== undefined) await beforeUpdate(cluster, await inputsOf(newInputs));
  });
  const onError =
    cluster === undefined
      ? []
      : [
          new pulumi.ErrorHook("look at the release again", (failure) =>
            afterFailure(cluster, installer, failure),
          ),
        ];
  const hooks = { beforeCreate: [onCreate], beforeUpdate: [onUpdate], onError };
  return ({ type, props, opts }) => {
    if (type !== releaseType) return undefined;
    // Helm keeps the description with each finished revision: so a release says which stack installed it.
    return { props: { ...props, description: installer }, opts: pulumi.mergeOptions(opts, { hooks }) };
  };
}

/** Before a release that Pulumi does not know would be created. What is not finished yet is left to the update. */
async function beforePreview(run: Looking, release: ReleaseInputs): Promise<void> {
  const [namespace, name] = await Promise.all([inputsOf(release.namespace), inputsOf(release.name)]);
  // Not known yet.
  if (typeof namespace !== "string" || typeof name !== "string" || (await isNew(run, namespace))) return;
  const record = await run.look("findRelease", namespace, name).catch(() => undefined);
  if (record !== undefined && !isUnfinished(record)) requireOwn(record, record.description === run.installer);
}

function requireOwn({ namespace, name, status }: ReleaseRecord, isOwn: boolean): void {
  if (isOwn) return;
  throw new Error(
    `Helm release ${namespace}/${name} exists already (${status}), and this stack did not install it. ` +
      `Uninstall it (helm uninstall -n ${namespace} ${name}); or, if an interrupted run of this stack has left it, ` +
      `remove Helm's record of it (kubectl delete secret -n ${namespace} -l owner=helm,name=${name}).`,
  );
}

/**
 * Before a release that Pulumi does not know is created: removes Helm's records of it if this stack has left them.
 *
 * What the records describe stays, and the installation takes it over, as Helm does with objects that carry the
 * release's name.
 *
 * @throws Error if the release is someone else's, or its records cannot be removed.
 */
export async function beforeCreate(
  cluster: Promise<Core>,
  installer: string,
  release: ReleaseInputs,
): Promise<void> {
  const record = await settled(cluster, release);
  if (record === undefined) return;
  const ours = isUnfinished(record)
    ? isDeepStrictEqual(record.values, release.values ?? {})
    : record.description === installer;
  requireOwn(record, ours);
  const { namespace, name } = release;
  pulumi.log.info(`Helm release ${namespace}/${name}: going on from an interrupted installation.`);
  await deleteRecords(await cluster, namespace, name);
}

/**
 * Before a release of this stack is changed: removes the record of a revision that was never finished.
 *
 * @throws Error if it cannot be removed.
 */
export async function beforeUpdate(cluster: Promise<Core>, release: ReleaseInputs): Promise<void> {
  const record = await settled(cluster, release);
  if (record === undefined || !isUnfinished(record)) return;
  const { namespace } = release;
  const { secretName, status } = record;
  pulumi.log.info(
    `Helm release ${namespace}/${release.name}: an interrupted run left it ${status}; going on from the revision before.`,
  );
  const { core } = await cluster;
  await requested(
    `Secret ${namespace}/${secretName}`,
    core.deleteNamespacedSecret({ name: secretName, namespace }),
  );
}

/**
 * After a release could not be created or changed: makes way for another attempt if what was in the way is a record that
 * was not there when it was looked for.
 *
 * @returns whether Pulumi is to try again. It creates what it has no record of; once Helm has begun, it updates.
 * @throws Error if the record is someone else's, or cannot be removed.
 */
export async function afterFailure(
  cluster: Promise<Core>,
  installer: string,
  {
    failedOperation,
    newInputs,
    errors,
  }: Pick<pulumi.ErrorHookArgs, "failedOperation" | "newInputs" | "errors">,
): Promise<boolean> {
  const [newest = ""] = errors;
  // Of a deletion there are none, and Helm looks for no other writer.
  if (newInputs === undefined || errors.length > mostRetries) return false;
  if (newest.includes("another operation (install/upgrade/rollback) is in progress")) {
    await beforeUpdate(cluster, await inputsOf(newInputs));
    return true;
  }
  if (failedOperation !== "create") return false;
  if (newest.includes("cannot re-use a name that is still in use")) {
    await beforeCreate(cluster, installer, await inputsOf(newInputs));
    return true;
  }
  // Found when Helm was about to write its own, from where on Pulumi has the release as created.
  if (!newest.includes("release: already exists")) return false;
  const record = await settled(cluster, await inputsOf(newInputs));
  if (record === undefined || isUnfinished(record)) return false;
  requireOwn(record, record.description === installer);
  return record.status === "deployed";
}

/**
 * The newest record of a release, once Helm has finished it or has had all the time that it may take; `undefined` if
 * there is none, or it cannot be read.
 */
async function settled(cluster: Promise<Core>, release: ReleaseInputs): Promise<ReleaseRecord | undefined> {
  for (let told = false; ; told = true) {
    const newest = cluster.then(({ core }) => findRelease({ core }, release.namespace, release.name));
    const record = await newest.catch(({ message }: Error) => {
      pulumi.log.debug(`Helm's record of ${release.namespace}/${release.name}: ${message}`);
      return undefined;
    });
    if (record === undefined || !isUnfinished(record)) return record;
    const left = record.writtenAt + release.timeout * 1000 - Date.now();
    if (left <= 0) return record;
    if (!told) {
      pulumi.log.info(
        `Helm release ${release.namespace}/${release.name} is ${record.status}: an interrupted run may still be at it. ` +
          `Waiting until that has ended, for ${Math.ceil(left / 1000)} s at most.`,
      );
    }
    await setTimeout(Math.min(pollMilliseconds, left));
  }
}
