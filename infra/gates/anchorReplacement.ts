/**
 * Keeps the anchors of the mesh that runs: Pulumi makes none of them anew, whatever it is told by `--replace`, by
 * `--ignore-protect`, or by a state that has lost one.
 *
 * The new one would have the name of the old one, by which the other gates know it, and a key that no proxy trusts. Only the
 * certificate of one that has ended is made again, with the key that it had, which Pulumi does of itself from its end on.
 */
import * as pulumi from "@pulumi/pulumi";
import { requireSound } from "../../components/validation.ts";
import { known } from "../../rules/known.ts";
import { checkRemade, plannedAnchors } from "../../rules/mesh/anchorChange.ts";
import { isNew, type Run } from "./run.ts";

/** What an anchor is made of. */
const parts = {
  "random:index/randomId:RandomId": "subject",
  "tls:index/privateKey:PrivateKey": "key",
  "tls:index/selfSignedCert:SelfSignedCert": "certificate",
} as const;

/**
 * Refuses to make what an anchor of the running mesh is made of, in a preview, too.
 *
 * @param fit whether the cluster fits the settings: if not, that is refused, and this would be the same mistake once more.
 */
export function keepAnchors(
  run: Pick<Run, "look" | "namespace" | "settings" | "onUnproven" | "spell">,
  fit: Promise<void>,
): pulumi.ResourceTransform {
  const planned = plannedAnchors(run.settings);
  const { family, namespace } = run.settings.controlPlane;
  const where = known(namespace);
  if (planned === undefined || family === undefined || where === undefined) return () => undefined;
  const looked = async () =>
    (await isNew(run, where)) ? undefined : run.look("findRunningBundle", family, where);
  const hook = new pulumi.ResourceHook(
    "look whether the mesh trusts it already",
    async ({ name, type }) => {
      const isRefused = await fit.then(
        () => false,
        () => true,
      );
      if (isRefused) return;
      const running = await looked().catch(run.onUnproven);
      if (!running) return;
      const part = parts[type as keyof typeof parts];
      requireSound([...checkRemade(running, planned, generationOfPart(name)!, part)].map(run.spell));
    },
    { onDryRun: true },
  );
  return ({ type, name, props, opts }) =>
    type in parts && generationOfPart(name) !== undefined
      ? { props, opts: pulumi.mergeOptions(opts, { hooks: { beforeCreate: [hook] } }) }
      : undefined;
}

/** The generation that a resource is a part of; `undefined` if of none. */
function generationOfPart(name: string): number | undefined {
  const [part, generation = "1"] = /trust-anchor(?:-(\d+))?-(?:subject|key|certificate)$/.exec(name) ?? [];
  return part === undefined ? undefined : Number(generation);
}
