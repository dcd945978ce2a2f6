/** The text of a stack's file with the settings of an adoption. All else in the file stays as it is, comments too. */
import {
  type Document,
  isMap,
  isNode,
  isPair,
  isScalar,
  type Pair,
  parseDocument,
  visit,
  type YAMLMap,
} from "yaml";
import { isPlainObject } from "../../rules/known.ts";
import type { Choice } from "../choice.ts";
import { commentLines } from "../choice.ts";
import type { SecretSetting } from "./adoption.ts";

/** A setting that the file has already, as another one. */
export interface Conflict {
  readonly key: string;
  readonly has: unknown;
  readonly wanted: unknown;
}

/**
 * Adds what the file does not say yet, of an object as well.
 *
 * @param project name of the project, by which the stack's keys begin.
 * @throws Error if the text is no stack's file.
 */
export function addChoices(
  text: string,
  project: string,
  choices: readonly Choice[],
): { readonly text: string; readonly conflicts: readonly Conflict[] } {
  const document = parseDocument(text);
  if (document.errors.length > 0) throw new Error(document.errors[0]!.message.split("\n")[0]);
  if (!isMap(document.get("config"))) document.set("config", document.createNode({}));
  const config = document.get("config");
  if (!isMap(config)) throw new Error("What config: holds is no map of settings.");
  const set = readSettings(text, project);
  const conflicts: Conflict[] = [];
  for (const { why, settings } of choices) {
    let comment: string | undefined = commentLines(why)
      .map((line) => line.slice(1))
      .join("\n");
    for (const [key, wanted] of Object.entries(settings)) {
      const value = typeof wanted === "object" ? wanted : String(wanted);
      const there = pairIn(config, `${project}:${key}`) ?? pairIn(config, key);
      if (there !== undefined) {
        if (!saysAfter(document, there, value)) conflicts.push({ key, has: set[key], wanted });
        continue;
      }
      const pair = document.createPair(`${project}:${key}`, value) as Pair;
      if (isScalar(pair.key) && comment !== undefined) pair.key.commentBefore = comment;
      comment = undefined;
      config.add(pair);
    }
  }
  return { text: document.toString({ lineWidth: 0 }), conflicts };
}

const pairIn = ({ items }: YAMLMap, key: string) => items.find((pair) => keyOf(pair) === key);

/**
 * Whether a pair says what is wanted, once a map in it has got what it does not say yet. It may say more, such as a key
 * that is encrypted.
 */
function saysAfter(document: Document, { value: node }: Pair, wanted: unknown): boolean {
  if (isMap(node) && isPlainObject(wanted)) {
    return Object.entries(wanted).every(([key, value]) => {
      const there = pairIn(node, key);
      if (there !== undefined) return saysAfter(document, there, value);
      node.add(document.createPair(key, value));
      return true;
    });
  }
  const has = isNode(node) ? node.toJS(document) : node;
  if (typeof wanted === "object") return JSON.stringify(has) === JSON.stringify(wanted);
  return String(has).trim() === String(wanted).trim();
}

/** What a stack's file sets, by the keys without the project's name; what is encrypted is `{ secure: … }`. */
export function readSettings(text: string, project: string): Readonly<Record<string, unknown>> {
  const content: unknown = parseDocument(text).toJS() ?? {};
  const config = isPlainObject(content) && isPlainObject(content.config) ? content.config : {};
  return Object.fromEntries(
    Object.entries(config).flatMap(([key, value]) => {
      const short = key.startsWith(`${project}:`) ? key.slice(project.length + 1) : key;
      return short.includes(":") ? [] : [[short, value]];
    }),
  );
}

/**
 * Takes apart what a file keeps encrypted, and the rest.
 *
 * @param valueOf what is decrypted of a key with the project's name, as JSON if it is an object.
 */
export function splitSecrets(
  text: string,
  project: string,
  decrypted: (fullKey: string) => string | undefined,
): { readonly text: string; readonly secrets: readonly SecretSetting[] } {
  const document = parseDocument(text);
  const secrets: SecretSetting[] = [];
  visit(document, {
    Pair: (_, { key, value }, ancestors) => {
      if (!isMap(value) || !value.has("secure") || value.items.length !== 1) return undefined;
      const above = ancestors.flatMap((node) => (isPair(node) ? [keyOf(node)] : []));
      const [, name = "", ...inner] = [...above, String(isScalar(key) ? key.value : key)];
      const fullKey = name.includes(":") ? name : `${project}:${name}`;
      secrets.push({ path: [fullKey, ...inner], value: valueIn(decrypted(fullKey) ?? "", inner) });
      return visit.REMOVE;
    },
  });
  return { text: document.toString({ lineWidth: 0 }), secrets };
}

const keyOf = ({ key }: Pair) => String(isScalar(key) ? key.value : key);

function valueIn(text: string, path: readonly string[]): string {
  if (path.length === 0) return text;
  const value = path.reduce<unknown>(
    (inner, key) => (isPlainObject(inner) ? inner[key] : undefined),
    JSON.parse(text),
  );
  return typeof value === "string" ? value : JSON.stringify(value);
}
