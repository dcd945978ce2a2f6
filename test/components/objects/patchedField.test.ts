import assert from "node:assert/strict";
import { test } from "node:test";
import { waitForPatched } from "../../../components/objects/patchedField.ts";

test("a patch waits for the field, and for its own marker", () => {
  const { "pulumi.com/waitFor": conditions, ...markers } = waitForPatched(".spec.caBundle");
  const [[marker, value] = [], ...others] = Object.entries(markers);
  assert.deepEqual(others, []);
  assert.deepEqual(JSON.parse(conditions!), [
    "jsonpath={.spec.caBundle}",
    `jsonpath={.metadata.annotations["${marker}"]}=${value}`,
  ]);
});
