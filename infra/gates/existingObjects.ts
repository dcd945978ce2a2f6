/**
 * Leaves what is not this stack's as it is.
 *
 * The Kubernetes provider's create takes over an object that exists, whoever made it, and a later destroy deletes it, a
 * namespace with everything in it. So before an object that the stack's state does not have is created – in previews, too –
 * it is looked for. One that is there is refused, unless it carries this stack's mark: then an interrupted run has left it.
 */
import { randomUUID } from "node:crypto";
import * as pulumi from "@pulumi/pulumi";
import { requireSound } from "../../components/validation.ts";
import type { ReleaseRecord } from "../../mesh/helmReleases.ts";
import { nameOf, type ObjectMarks, type ObjectReference } from "../../mesh/objects.ts";
import type { Finding } from "../../rules/finding.ts";
import { known } from "../../rules/known.ts";
import { releaseNames } from "../../rules/mesh/kept.ts";
import { describeOwner, installationAnnotation } from "../../rules/mesh/owner.ts";
import { broken } from "../../rules/rules.ts";
import type { Settings } from "../../rules/settings/settings.ts";
import { absentNamespace } from "./clusterFit.ts";
import { type ExportState, exportOwnState, ownResources } from "./ownState.ts";
import { inputsOf } from "./registration.ts";
import { isNew, type Run } from "./run.ts";

/** The inputs of an object. In a preview, some of them are not known. */
interface ObjectInputs {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: unknown;
    readonly namespace?: unknown;
    readonly labels?: Readonly<Record<string, unknown>>;
    readonly annotations?: Readonly<Record<string, unknown>>;
  };
}

/** Marks each object that is created, and refuses those that are someone else's. */
export function keepWhatIsOthers(
  run: Run,
  exportState: ExportState = exportOwnState,
): pulumi.ResourceTransform {
  // In the state before the first object, and so the mark of what an interrupted run has left.
  const { output: installation } = new pulumi.Stash(
    "installation",
    { input: randomUUID() },
    { ignoreChanges: ["input"] },
  );
  const options = { onDryRun: true };
  const onCreate = new pulumi.ResourceHook(
    "look for what is there",
    async ({ newInputs }) => requireNew(run, newInputs as ObjectInputs),
    options,
  );
  const onPatch = new pulumi.ResourceHook(
    "look whose namespace it is",
    async ({ newInputs }) => requireOthers(run, newInputs as ObjectInputs, exportState),
    options,
  );
  // What the stack made before objects were marked stays as it is.
  const ignoreChanges = [`metadata.annotations["${installationAnnotation}"]`];
  return ({ type, props, opts }) => {
    if (type === "kubernetes:core/v1:NamespacePatch") {
      return { props, opts: pulumi.mergeOptions(opts, { hooks: { beforeCreate: [onPatch] } }) };
    }
    const { metadata } = props;
    if (!type.startsWith("kubernetes:") || type.endsWith("Patch") || metadata === undefined) return undefined;
    const annotations = { ...metadata.annotations, [installationAnnotation]: installation };
    return {
      props: { ...props, metadata: { ...metadata, annotations } },
      opts: pulumi.mergeOptions(opts, { hooks: { beforeCreate: [onCreate] }, ignoreChanges }),
    };
  };
}

async function requireNew(run: Run, { apiVersion, kind, metadata }: ObjectInputs): Promise<void> {
  const [name, namespace] = await Promise.all([textOf(metadata.name), textOf(metadata.namespace)]);
  const isKnown = name !== undefined && (metadata.namespace === undefined || namespace !== undefined);
  if (!isKnown) return;
  const reference = { apiVersion, kind, name, namespace };
  const looked = kind === "Namespace" ? run.namespace(name) : lookIn(run, reference);
  const object = await looked.catch(run.onUnseen);
  if (!object) return;
  const mark = await textOf(metadata.annotations?.[installationAnnotation]);
  if (mark !== undefined && mark === object.annotations[installationAnnotation]) return;
  const setting = kind === "Namespace" ? settingOf(name, run.settings) : undefined;
  requireSound(
    [
      broken("object-exists", {
        field: nameOf(reference),
        message: `It is on the cluster already, and this stack did not make it: it is ${describeOwner(object)}. It would be taken over, and deleted with the stack.`,
        fix:
          setting === undefined
            ? undefined
            : `To use it as it is, set ${setting}.createNamespace to false; or choose another name: ${setting}.namespace.`,
      }),
    ].map(run.spell),
  );
}

/** Nothing is looked for in a namespace that was not there before the run. */
async function lookIn(run: Run, reference: ObjectReference): Promise<ObjectMarks | undefined> {
  const { namespace } = reference;
  if (namespace !== undefined && (await isNew(run, namespace))) return undefined;
  return run.look("findObject", reference);
}

/** A namespace that was there before, and stays: it exists, is not this stack's own, and its labels are free. */
async function requireOthers(run: Run, { metadata }: ObjectInputs, exportState: ExportState): Promise<void> {
  const { labels = {}, annotations = {} } = metadata;
  const name = await textOf(metadata.name);
  if (name === undefined) return;
  // In this namespace alone: who may install here may read its Secrets.
  const [found, releases] = await Promise.allSettled([
    run.namespace(name),
    Promise.all(releaseNames.map((release) => run.look("findRelease", name, release))),
  ]);
  if (found.status === "rejected") return run.onUnseen(found.reason);
  const namespace = found.value;
  const setting = settingOf(name, run.settings);
  const field = setting === undefined ? `Namespace ${name}` : `${setting}.createNamespace`;
  if (releases.status === "rejected") run.onUnseen(releases.reason);
  const isInstalledByUs = (release: ReleaseRecord | undefined) => release?.description === run.installer;
  const findings: Finding[] = [];
  if (namespace === undefined) {
    // One whose name was known before is told of with all else that does not fit.
    if (setting === undefined) findings.push(absentNamespace(name, field));
  } else if (
    releases.status === "fulfilled" &&
    releases.value.some(isInstalledByUs) &&
    (await isOwnNamespace(name, exportState))
  ) {
    findings.push(
      broken("own-namespace", {
        field,
        message: `${run.installer} has made namespace ${name}. With false it would be deleted, with everything in it.`,
        fix: "Set it to true.",
      }),
    );
  }
  for (const [label, input] of Object.entries({ ...labels, ...annotations })) {
    const value = namespace?.labels[label] ?? namespace?.annotations[label];
    const wanted = await textOf(input);
    if (wanted === undefined || value === undefined || value === wanted) continue;
    const verb = label in labels ? "label" : "annotate";
    findings.push(
      broken("namespace-labels", {
        field: `Namespace ${name}`,
        message: `It has ${label}: ${value}, and ${label}: ${wanted} is needed there.`,
        fix: `kubectl ${verb} namespace ${name} ${label}=${wanted} --overwrite; or choose another namespace.`,
      }),
    );
  }
  requireSound(findings.map(run.spell));
}

/** Whether the state has the namespace, which Pulumi would then delete; a state that cannot be read may have it. */
async function isOwnNamespace(name: string, exportState: ExportState): Promise<boolean> {
  try {
    const resources = await ownResources(exportState);
    return resources.some(({ type, id }) => type === "kubernetes:core/v1:Namespace" && id === name);
  } catch (error) {
    pulumi.log.debug(
      `Whether the stack has made namespace ${name} is not known: ${(error as Error).message}`,
    );
    return true;
  }
}

/** The group of settings whose namespace has this name. */
function settingOf(name: string, settings: Settings): string | undefined {
  const groups = ["controlPlane", "certManager", "cni", "viz"] as const;
  return groups.find((group) => known(settings[group].namespace) === name);
}

/** A text among inputs, which may be a secret; `undefined` if it is not known yet. */
async function textOf(input: unknown): Promise<string | undefined> {
  const value = await inputsOf<unknown>(input);
  return typeof value === "string" ? value : undefined;
}
