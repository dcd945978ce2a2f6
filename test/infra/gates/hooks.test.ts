import assert from "node:assert/strict";
import { test } from "node:test";
import * as pulumi from "@pulumi/pulumi";
import { continueInterruptedReleases } from "../../../infra/gates/interruptedReleases.ts";
import { requireReferences } from "../../../infra/gates/issuerReferences.ts";
import { lookWith } from "../../../infra/gates/looks.ts";
import { namespacesBefore } from "../../../infra/gates/run.ts";
import { record } from "../../registrations.ts";

const unasked = new Promise<never>(() => {});

/** Names of the hooks that a resource has after a transform, if it had these before. */
async function namesAfter(
  transform: pulumi.ResourceTransform,
  type: string,
  hooks?: pulumi.ResourceHookBinding,
): Promise<object> {
  const opts: pulumi.CustomResourceOptions = hooks === undefined ? {} : { hooks };
  const transformed = await transform({ custom: true, type, name: "x", props: {}, opts });
  return Object.fromEntries(
    Object.entries(transformed!.opts.hooks!).map(([on, those]) => [
      on,
      those.map((hook: pulumi.ResourceHook) => hook.name),
    ]),
  );
}

const look = lookWith(unasked);

test("a gate adds its hooks to those that a resource has, and to each resource once", async () => {
  await record(async () => {
    const own = new pulumi.ResourceHook("own", () => {});
    for (const [transform, type, onCreate, onUpdate, ...onError] of [
      [
        continueInterruptedReleases({ look, namespace: namespacesBefore(look), installer: "" }, unasked),
        "kubernetes:helm.sh/v3:Release",
        "look for the release",
        "look at the release",
        "look at the release again",
      ],
      [
        requireReferences(unasked, false, (finding) => finding),
        "kubernetes:cert-manager.io/v1:Issuer",
        "issuer-references",
        "issuer-references",
      ],
    ] as const) {
      assert.deepEqual(await namesAfter(transform, type, { beforeCreate: [own], afterDelete: [own] }), {
        beforeCreate: ["own", onCreate],
        beforeUpdate: [onUpdate],
        afterDelete: ["own"],
        ...(onError.length > 0 && { onError }),
      });
      const alone = {
        beforeCreate: [onCreate],
        beforeUpdate: [onUpdate],
        ...(onError.length > 0 && { onError }),
      };
      assert.deepEqual(await namesAfter(transform, type), alone);
      assert.deepEqual(await namesAfter(transform, type), alone);
    }
  });
});
