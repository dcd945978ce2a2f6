/** The guard of the mesh's credentials. */
import type { Finding } from "../finding.ts";
import { broken } from "../rules.ts";
import type { Settings } from "./settings.ts";

/** Checks the names of those who may write by hand: an empty one is nobody's, and one that is no text fits nobody. */
export function* checkGuard({ guard }: Settings): Iterable<Finding> {
  for (const [place, writer] of guard.writers.entries()) {
    if (typeof writer === "string" && writer.trim() === writer && writer !== "") continue;
    yield broken("credential-writer", {
      field: "guard.writers",
      message: `Writer ${place + 1}, ${JSON.stringify(writer)}, is not the name of a user or of a group.`,
    });
  }
}
