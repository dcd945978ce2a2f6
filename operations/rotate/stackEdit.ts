/** The one edit of a stack's file that a step of a rotation is. All else in the file stays as it is, comments too. */
import { isMap, parseDocument } from "yaml";
import type { Edit } from "../../rules/rotation/steps.ts";

const keys = {
  generations: "trustAnchorGenerations",
  signing: "signingGeneration",
  crossSign: "crossSignTrustAnchors",
  distrusted: "distrustedTrustAnchors",
} as const;

/**
 * The text of the file after the edit.
 *
 * @param project name of the project, by which the stack's keys begin.
 * @throws Error if the text is no stack's file.
 */
export function editStackText(text: string, project: string, edit: Edit): string {
  const document = parseDocument(text);
  if (document.errors.length > 0) throw new Error(document.errors[0]!.message.split("\n")[0]);
  if (!isMap(document.get("config"))) document.set("config", document.createNode({}));
  const pathOf = (key: string) => {
    // Pulumi takes a key without the project's name as well.
    const short = document.hasIn(["config", key]);
    return ["config", short ? key : `${project}:${key}`];
  };
  for (const [name, key] of Object.entries(keys) as [keyof typeof keys, string][]) {
    if (!(name in edit)) continue;
    const value = edit[name];
    // As Pulumi writes them, numbers and booleans are texts, but for those in a list.
    if (value === undefined) document.deleteIn(pathOf(key));
    else document.setIn(pathOf(key), Array.isArray(value) ? document.createNode(value) : String(value));
  }
  const provided = pathOf("providedTrustAnchors");
  for (const [generation, files] of Object.entries(edit.provided ?? {})) {
    const place = keyIn(document.getIn(provided), generation);
    if (files === undefined) document.deleteIn([...provided, place]);
    else document.setIn([...provided, place], document.createNode(files));
  }
  const given = document.getIn(provided);
  if (isMap(given) && given.items.length === 0) document.deleteIn(provided);
  return document.toString({ lineWidth: 0 });
}

/** Whether the text of the file says that generations vouch for each other, which is the default, in as many words. */
export function isHeldIn(text: string, project: string): boolean {
  const config: unknown = parseDocument(text).get("config");
  if (!isMap(config)) return false;
  const value = config.get(`${project}:${keys.crossSign}`) ?? config.get(keys.crossSign);
  return String(value) === "true";
}

/** In YAML, a generation is a number or a text. */
function keyIn(map: unknown, generation: string): string | number {
  return isMap(map) && map.has(Number(generation)) ? Number(generation) : generation;
}

/** What the edit does, as lines of a stack's configuration. */
export function describeEdit(edit: Edit): readonly string[] {
  const settings = Object.entries(keys).flatMap(([name, key]) => {
    if (!(name in edit)) return [];
    const value = edit[name as keyof typeof keys];
    return value === undefined ? [`${key}: (removed)`] : [`${key}: ${JSON.stringify(value)}`];
  });
  const provided = Object.entries(edit.provided ?? {}).map(([generation, files]) =>
    files === undefined
      ? `providedTrustAnchors.${generation}: (removed)`
      : `providedTrustAnchors.${generation}: ${JSON.stringify(files)}`,
  );
  return [...settings, ...provided];
}
