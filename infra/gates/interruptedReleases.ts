/**
 * Lets a run go on where an earlier one was killed in the midst of a Helm operation.
 *
 * Killed, Pulumi forgets the operation, but the cluster has Helm's record of it, and the provider's own process may
 * still be at work. Helm then refuses the release's name for good: "cannot re-use a name that is still in use", or
 * "another operation is in progress". So before a release is created or changed, its record is looked at through
 * `kubectl`; where that is not possible, Helm has the last word as ever.
 */
import { setTimeout } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import { gunzipSync } from "node:zlib";
import * as pulumi from "@pulumi/pulumi";
import type { Kubectl } from "./kubectl.ts";

/** The engine's name for a Helm release. */
export const releaseType = "kubernetes:helm.sh/v3:Release";
const pollMilliseconds = 1000;

/** What is read of a release's inputs. */
export interface ReleaseInputs {
  readonly name: string;
  readonly namespace: string;
  /** In seconds. */
  readonly timeout: number;
  readonly values?: object;
}

/** The newest of Helm's records of a release: a Secret. */
interface ReleaseRecord {
  readonly secretName: string;
  readonly status: string;
  /** When Helm last wrote it, in milliseconds. */
  readonly writtenAt: number;
  readonly description: string;
  readonly values: unknown;
}

/** Helm is at work, or was when it was killed. */
const isUnfinished = ({ status }: ReleaseRecord) =>
  status.startsWith("pending-") || status === "uninstalling";

/** Makes every Helm release in a component go on from what an interrupted run of the same stack has left. */
export function continueInterruptedReleases(kubectl: Kubectl): pulumi.ResourceTransform {
  const installer = `Pulumi stack ${pulumi.getOrganization()}/${pulumi.getProject()}/${pulumi.getStack()}`;
  const hooks: pulumi.ResourceHookBinding = {
    beforeCreate: [
      new pulumi.ResourceHook("release-before-create", async ({ newInputs }) =>
        beforeCreate(kubectl, installer, await known(newInputs)),
      ),
    ],
    beforeUpdate: [
      new pulumi.ResourceHook("release-before-update", async ({ newInputs }) =>
        beforeUpdate(kubectl, await known(newInputs)),
      ),
    ],
  };
  return ({ type, props, opts }) =>
    type === releaseType
      ? // Helm keeps the description with each finished revision: so a release tells who has installed it.
        { props: { ...props, description: installer }, opts: { ...opts, hooks } }
      : undefined;
}

/**
 * A hook's inputs, whose secrets are Outputs. Where one of these fails, so does the hook: what is only applied to an
 * Output never hears of its failure, and the run would wait for ever.
 */
export function known(inputs: unknown): Promise<ReleaseInputs> {
  // The SDK exports this without its type.
  return (pulumi.output(inputs) as unknown as { promise(): Promise<ReleaseInputs> }).promise();
}

/**
 * Before a release is created, which Pulumi does not know: clears the way where this stack has left it.
 *
 * Only Helm's records go; what they describe stays, and the installation takes it over, as Helm does with objects that
 * carry the release's name.
 *
 * @throws Error where the release is someone else's, or that cannot be told.
 */
export async function beforeCreate(
  kubectl: Kubectl,
  installer: string,
  release: ReleaseInputs,
): Promise<void> {
  const record = await settled(kubectl, release);
  if (record === undefined) return;
  const ours = isUnfinished(record)
    ? isDeepStrictEqual(record.values ?? {}, release.values ?? {})
    : record.description === installer;
  const { namespace, name } = release;
  if (!ours) {
    throw new Error(
      `Helm release ${namespace}/${name} is there already (${record.status}), and this stack did not install it. ` +
        `Uninstall it (helm uninstall -n ${namespace} ${name}); or, where an interrupted run of this stack has left it, ` +
        `remove Helm's record of it (kubectl delete secret -n ${namespace} -l owner=helm,name=${name}).`,
    );
  }
  pulumi.log.info(`Helm release ${namespace}/${name}: going on from an interrupted installation.`);
  await kubectl("delete", "secret", "--namespace", namespace, "--selector", `owner=helm,name=${name}`);
}

/** Before a release of this stack is changed: takes back a revision that was never finished. */
export async function beforeUpdate(kubectl: Kubectl, release: ReleaseInputs): Promise<void> {
  const record = await settled(kubectl, release);
  if (record === undefined || !isUnfinished(record)) return;
  pulumi.log.info(
    `Helm release ${release.namespace}/${release.name}: an interrupted run has left it ${record.status}; going on from the revision before.`,
  );
  await kubectl("delete", "secret", "--namespace", release.namespace, record.secretName);
}

/**
 * The newest record of a release, once Helm has finished it or has had all the time that it may take; `undefined` where
 * there is none, or kubectl cannot tell.
 */
async function settled(kubectl: Kubectl, release: ReleaseInputs): Promise<ReleaseRecord | undefined> {
  for (let told = false; ; told = true) {
    let record: ReleaseRecord | undefined;
    try {
      record = await newestRecord(kubectl, release);
    } catch (error) {
      pulumi.log.debug(`Helm's record of ${release.namespace}/${release.name}: ${(error as Error).message}`);
      return undefined;
    }
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

async function newestRecord(kubectl: Kubectl, release: ReleaseInputs): Promise<ReleaseRecord | undefined> {
  const { namespace, name } = release;
  const selector = `owner=helm,name=${name}`;
  const output = await kubectl(
    "get",
    "secrets",
    "--namespace",
    namespace,
    "--selector",
    selector,
    "--output=json",
  );
  const { items } = JSON.parse(output) as {
    items: {
      metadata: { name: string; labels: Record<string, string> };
      data: { release: string };
    }[];
  };
  const newest = items
    .toSorted((left, right) => Number(left.metadata.labels.version) - Number(right.metadata.labels.version))
    .at(-1);
  if (newest === undefined) return undefined;
  const { labels } = newest.metadata;
  // base64 by Kubernetes, around base64 by Helm, around gzip, around JSON.
  const packed = Buffer.from(Buffer.from(newest.data.release, "base64").toString(), "base64");
  const { info, config } = JSON.parse(gunzipSync(packed).toString()) as {
    info: { description: string };
    config?: unknown;
  };
  return {
    secretName: newest.metadata.name,
    status: labels.status!,
    // A revision that has just begun carries the time at which the one before was changed.
    writtenAt: Math.max(Number(labels.createdAt ?? 0), Number(labels.modifiedAt ?? 0)) * 1000,
    description: info.description,
    values: config,
  };
}
