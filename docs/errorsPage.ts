/**
 * `docs/errors.md`: every error and warning, with its fix, as the code that gives it has them.
 *
 *     node docs/errorsPage.ts     writes it
 */
import { globSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseSync } from "oxc-parser";
import { rules } from "../rules/rules.ts";

const project = resolve(import.meta.dirname, "..");
const file = join(project, "docs", "errors.md");

/** A message of the code, in which `…` stands for what is only known when it is given. */
export interface Message {
  /** The broken rule; absent for what has none. */
  readonly rule?: string;
  readonly message: string;
  /** Absent where the message itself says what to do. */
  readonly fix?: string;
}

/** A node of the syntax tree, as far as it is looked at. */
interface Node {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  readonly [part: string]: unknown;
}

interface SourceFile {
  readonly path: string;
  readonly text: string;
  readonly program: Node;
  readonly nodes: readonly Node[];
}

/** One text that an expression can have, and which way each condition on the way to it has gone. */
interface Variant {
  readonly text: string;
  readonly conditions: ReadonlyMap<string, boolean>;
}

/** What the parameters of the functions around an expression are, as far as that is known. */
type Given = ReadonlyMap<string, readonly Variant[]>;

const isNode = (value: unknown): value is Node =>
  typeof value === "object" && value !== null && typeof (value as Node).type === "string";
const childrenOf = (node: Node): Node[] => Object.values(node).flat().filter(isNode);
const below = (node: Node): Node[] => [node, ...childrenOf(node).flatMap(below)];
const isWithin = (inner: Node, outer: Node) => inner.start >= outer.start && inner.end <= outer.end;
const isFunction = ({ type }: Node) => /Function(Declaration|Expression)$/.test(type);

const unknown: readonly Variant[] = [{ text: "…", conditions: new Map() }];

/** The page as it is. */
export function readErrorsPage(): string {
  return readFileSync(file, "utf8");
}

/** The page as it should be. */
export function errorsPage(): string {
  const messages = everyMessage();
  const ofRule = Object.entries(rules).map(([rule, { severity, source }]) => {
    const lines = messages.filter((message) => message.rule === rule).map(line);
    return `### ${rule}\n\n${severity === "error" ? "Error" : "Warning"}. Source: ${source}.\n\n${lines.join("\n")}\n`;
  });
  const others = messages.filter(({ rule }) => rule === undefined).map(line);
  return `<!-- Written by \`npm run -s tables\` from the code. -->
# Errors and warnings

Everything that \`pulumi up\`, \`npm run -s check\`, \`npm run -s credentials\` and \`npm run -s renew\` find fault with, and what
to do about it. In a message, \`…\` stands for a value. The sandbox's own errors are not here.

## By rule

Each finding names its rule.

${ofRule.join("\n")}
## Without a rule

About a cluster that cannot be asked, that is not as it should be, or that does not get there in time. A line without a
fix says itself what to do, or is the reason that another one gives.

${others.join("\n")}
`;
}

function line({ message, fix }: Message): string {
  const escaped = (text: string) => text.replaceAll(/[<>*_|]/g, "\\$&");
  return `- ${escaped(message)}${fix === undefined ? "" : `\\\n  Fix: ${escaped(fix)}`}`;
}

/** Every message of the code, once each, in the order of files and lines. */
export function everyMessage(): Message[] {
  const messages = files().flatMap(messagesOf);
  return [...new Map(messages.map((message) => [JSON.stringify(message), message])).values()];
}

let parsed: readonly SourceFile[] | undefined;

function files(): readonly SourceFile[] {
  parsed ??= globSync("{rules,mesh,components,infra,operations}/**/*.ts", { cwd: project }).sort().map(parse);
  return parsed;
}

function parse(path: string): SourceFile {
  const text = readFileSync(join(project, path), "utf8");
  const program = parseSync(path, text, { preserveParens: false }).program as unknown as Node;
  return { path, text, program, nodes: below(program) };
}

function messagesOf(source: SourceFile): Message[] {
  const messages: Message[] = [];
  /** Every way in which these expressions at a node go together. */
  const add = (
    node: Node,
    { rule, message, fix }: { rule?: Node | undefined; message: Node | undefined; fix?: Node | undefined },
    write: (message: string) => string = (text) => text,
  ) => {
    for (const given of callsOf(node, source)) {
      for (const { text, conditions } of textsOf(message, source, given)) {
        for (const advice of fix === undefined ? [undefined] : textsOf(fix, source, given)) {
          if (advice !== undefined && both(conditions, advice.conditions) === undefined) continue;
          const names =
            rule === undefined
              ? [undefined]
              : textsOf(rule, source, given).flatMap((name) => rulesLike(name.text));
          for (const name of names) {
            messages.push({
              ...(name === undefined ? {} : { rule: name }),
              message: write(text),
              ...(advice === undefined ? {} : { fix: advice.text }),
            });
          }
        }
      }
    }
  };
  for (const node of source.nodes) {
    if (node.type === "CallExpression" && nameOf(node.callee) === "broken") {
      const [rule, finding] = node.arguments as [Node, Node];
      const message = partOf(finding, "message");
      if (message) add(node, { rule, message, fix: partOf(finding, "fix") });
    } else if (node.type === "ObjectExpression" && partOf(node, "fix")) {
      const fix = partOf(node, "fix");
      const [what, path, rule] = ["what", "path", "rule"].map((name) => partOf(node, name));
      if (what) add(node, { message: what, fix });
      else if (path && rule)
        add(node, { rule, message: path, fix }, (text) => `${text}: the chart ignores it.`);
      else if (path) {
        const owned = { type: "Literal", value: "owned-value", start: node.start, end: node.end };
        add(node, { rule: owned, message: path, fix }, (text) => `${text}: this value is this program's.`);
      }
    } else if (node.type === "NewExpression" && /Error$/.test(nameOf(node.callee))) {
      add(node, { message: (node.arguments as Node[])[0] });
    }
  }
  // What is nothing but a value is written elsewhere.
  return messages.filter(({ rule, message, fix }) => fix !== "…" && (rule !== undefined || isWords(message)));
}

/** The rules that a name stands for: one of a template, such as `…-algorithm`, stands for several. */
function rulesLike(name: string): string[] {
  if (name === "…") return [];
  const pattern = new RegExp(`^${name.replaceAll("…", ".*")}$`);
  return Object.keys(rules).filter((rule) => pattern.test(rule));
}

/**
 * What the parameters of the function around a node are, once for each call of it in this file; nothing is known of
 * them where there is no function, or no call.
 */
function callsOf(node: Node, source: SourceFile): Given[] {
  const around = source.nodes.findLast(
    (other) => isFunction(other) && nameOfFunction(other, source) !== "" && isWithin(node, other),
  );
  if (around === undefined) return [new Map()];
  const name = nameOfFunction(around, source);
  const calls = source.nodes.filter(
    (call) => call.type === "CallExpression" && nameOf(call.callee) === name && !isWithin(call, around),
  );
  return calls.length === 0 ? [new Map()] : calls.map((call) => argumentsOf(around, call, source, new Map()));
}

/** The name by which a function is called: its own, or that of the constant that holds it. */
function nameOfFunction(node: Node, source: SourceFile): string {
  const holder = source.nodes.find(({ type, init }) => type === "VariableDeclarator" && init === node);
  return nameOf(node.id) || nameOf(holder?.id);
}

/** The parameters of a function, bound to the texts that a call gives them. */
function argumentsOf(called: Node, call: Node, source: SourceFile, given: Given): Given {
  const values = call.arguments as Node[];
  return new Map(
    (called.params as Node[]).flatMap((parameter, index) =>
      nameOf(parameter) === "" ? [] : [[nameOf(parameter), textsOf(values[index], source, given)] as const],
    ),
  );
}

/** The texts that an expression can have; what the code does not say is `…`. */
function textsOf(expression: Node | undefined, source: SourceFile, given: Given): readonly Variant[] {
  const read = (part: unknown) => textsOf(part as Node, source, given);
  switch (expression?.type) {
    case "Literal":
      return [{ text: typeof expression.value === "string" ? expression.value : "…", conditions: new Map() }];
    case "TemplateLiteral": {
      const texts = (expression.quasis as { value: { cooked: string } }[]).map(({ value }) => [
        { text: value.cooked, conditions: new Map() },
      ]);
      const values = (expression.expressions as Node[]).map(read);
      return joined(
        texts.flatMap((text, index) => (index < values.length ? [text, values[index]!] : [text])),
      );
    }
    case "BinaryExpression":
      return joined([read(expression.left), read(expression.right)]);
    case "ConditionalExpression": {
      const test = expression.test as Node;
      const condition = `${source.path} ${source.text.slice(test.start, test.end)}`;
      return [
        ...joined([[{ text: "", conditions: new Map([[condition, true]]) }], read(expression.consequent)]),
        ...joined([[{ text: "", conditions: new Map([[condition, false]]) }], read(expression.alternate)]),
      ];
    }
    case "Identifier": {
      const parameter = given.get(nameOf(expression));
      return parameter ?? resultsOf(declarationOf(expression, source), given);
    }
    case "CallExpression": {
      const callee = expression.callee as Node;
      if (callee.type !== "Identifier") return unknown;
      const called = declarationOf(callee, source);
      return called === undefined || !isFunction(called.node)
        ? unknown
        : resultsOf(called, argumentsOf(called.node, expression, source, given));
    }
    default:
      return unknown;
  }
}

/** What a name stands for, in the file that says so. */
interface Declaration {
  readonly node: Node;
  readonly source: SourceFile;
}

/** The constant or the function that an identifier names; `undefined` for a parameter, or what another package has. */
function declarationOf(identifier: Node, source: SourceFile): Declaration | undefined {
  const name = nameOf(identifier);
  const scopes = source.nodes
    .filter((node) => (isFunction(node) || hasStatements(node)) && isWithin(identifier, node))
    .reverse();
  for (const scope of scopes) {
    if (isFunction(scope) && (scope.params as Node[]).some((parameter) => binds(parameter, name))) return;
    const node = hasStatements(scope) ? declaredIn(scope, name) : undefined;
    if (node !== undefined) return { node, source };
  }
  for (const { type, specifiers, source: from } of childrenOf(source.program)) {
    if (type !== "ImportDeclaration") continue;
    const specifier = (specifiers as Node[]).find(({ local }) => nameOf(local) === name);
    if (specifier === undefined) continue;
    const path = join(source.path, "..", String((from as Node).value));
    const other = files().find((candidate) => candidate.path === path);
    const node = other === undefined ? undefined : declaredIn(other.program, nameOf(specifier.imported));
    return node === undefined ? undefined : { node, source: other! };
  }
  return undefined;
}

const hasStatements = ({ type }: Node) => type === "Program" || type === "BlockStatement";

/** The value of a constant, or the function, that a scope itself declares. */
function declaredIn(scope: Node, name: string): Node | undefined {
  for (const statement of childrenOf(scope)) {
    const declaration =
      statement.type === "ExportNamedDeclaration" ? (statement.declaration as Node | null) : statement;
    if (declaration?.type === "FunctionDeclaration" && nameOf(declaration.id) === name) return declaration;
    if (declaration?.type !== "VariableDeclaration") continue;
    const declarator = (declaration.declarations as Node[]).find(({ id }) => binds(id as Node, name));
    if (declarator !== undefined) {
      // Of a pattern, one part is meant.
      return nameOf(declarator.id) === name ? ((declarator.init as Node | null) ?? declarator) : declarator;
    }
  }
  return undefined;
}

const binds = (pattern: Node, name: string) =>
  below(pattern).some((node) => node.type === "Identifier" && node.name === name);

/** The texts of a constant, or those that a function gives where it gives nothing else. */
function resultsOf(declaration: Declaration | undefined, given: Given): readonly Variant[] {
  if (declaration === undefined) return unknown;
  const { node, source } = declaration;
  const body = node.body as Node | undefined;
  const results = !isFunction(node)
    ? [node]
    : body!.type === "BlockStatement"
      ? below(body!).flatMap(({ type, argument }) => (type === "ReturnStatement" ? [argument as Node] : []))
      : [body!];
  const isText = (result: Node | null) =>
    result !== null &&
    ["Literal", "TemplateLiteral", "BinaryExpression", "ConditionalExpression"].includes(result.type);
  if (!results.every(isText)) return unknown;
  if (!isFunction(node)) return textsOf(node, source, new Map());
  const texts = results.flatMap((result) => textsOf(result, source, given));
  // Else it is a value that the function writes out, such as a time with its units.
  return texts.some(({ text }) => isWords(text)) ? texts : unknown;
}

const isWords = (text: string) => /\p{L}{4}/u.test(text);

/** Every way to put one text of each list after the other under conditions that can hold together. */
function joined(lists: readonly (readonly Variant[])[]): readonly Variant[] {
  return lists.reduce<readonly Variant[]>(
    (starts, ends) =>
      starts.flatMap((start) =>
        ends.flatMap((end) => {
          const conditions = both(start.conditions, end.conditions);
          return conditions === undefined
            ? []
            : [{ text: (start.text + end.text).replaceAll(/…{2,}/g, "…"), conditions }];
        }),
      ),
    [{ text: "", conditions: new Map() }],
  );
}

/** The conditions of two texts; `undefined` where one of them must have gone both ways. */
function both(
  left: ReadonlyMap<string, boolean>,
  right: ReadonlyMap<string, boolean>,
): ReadonlyMap<string, boolean> | undefined {
  const contradict = [...left].some(([condition, way]) => right.get(condition) === !way);
  return contradict ? undefined : new Map([...left, ...right]);
}

/** The name of an identifier, or the last one of `a.b`; empty for anything else. */
function nameOf(node: unknown): string {
  if (!isNode(node)) return "";
  if (node.type === "MemberExpression") return nameOf(node.property);
  return typeof node.name === "string" ? node.name : "";
}

function partOf(object: Node | undefined, name: string): Node | undefined {
  const properties = (object?.type === "ObjectExpression" ? object.properties : []) as Node[];
  return properties.find(({ type, key }) => type === "Property" && nameOf(key) === name)?.value as
    | Node
    | undefined;
}

if (import.meta.main) writeFileSync(file, errorsPage());
