/**
 * `docs/errors.md`: every error and warning, with its fix, as the code that gives it has them.
 *
 *     node test/errorsPage.ts     writes it
 */
import { globSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseSync } from "oxc-parser";
import { rules } from "../components/pki/rules.ts";

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
  readonly [part: string]: unknown;
}

const isNode = (value: unknown): value is Node =>
  typeof value === "object" && value !== null && typeof (value as Node).type === "string";
const childrenOf = (node: Node): Node[] => Object.values(node).flat().filter(isNode);
const below = (node: Node): Node[] => [node, ...childrenOf(node).flatMap(below)];

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
  return `<!-- Written by \`npm run -s tables\` from the code of components, infra and operations. -->
# Errors and warnings

Everything that \`pulumi up\`, \`npm run -s check\`, \`npm run -s credentials\` and \`npm run -s renew\` find fault with, and what
to do about it. In a message, \`…\` stands for a value. The sandbox's own errors are not here.

## By rule

Each finding names its rule.

${ofRule.join("\n")}
## Without a rule

About a cluster that cannot be asked, that is not as it should be, or that does not get there in time.

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

/** The nodes of each file. */
const files = once(() =>
  globSync("{components,infra,operations}/**/*.ts", { cwd: project })
    .sort()
    .map((path) =>
      below(parseSync(path, readFileSync(join(project, path), "utf8")).program as unknown as Node),
    ),
);
const everyNode = once(() => files().flat());

function once<Value>(make: () => Value): () => Value {
  let value: Value | undefined;
  return () => {
    value ??= make();
    return value;
  };
}

/** The texts that an expression can have; what is not written in this file is `…`. */
type TextsOf = (expression: Node | undefined) => string[];

function messagesOf(nodes: readonly Node[]): Message[] {
  const messages: Message[] = [];
  const add = (node: Node, rule: Node | undefined, message: Node | undefined, fix: Node | undefined) => {
    for (const textsOf of readersAt(node, [message, fix], nodes)) {
      const names = rule === undefined ? [undefined] : textsOf(rule).flatMap(rulesLike);
      const fixes = fix === undefined ? [undefined] : textsOf(fix);
      for (const name of names)
        for (const text of textsOf(message))
          for (const advice of fixes)
            messages.push({
              ...(name === undefined ? {} : { rule: name }),
              message: text,
              ...(advice === undefined ? {} : { fix: advice }),
            });
    }
  };
  for (const node of nodes) {
    if (node.type === "CallExpression" && nameOf(node.callee) === "broken") {
      const [rule, finding] = node.arguments as [Node, Node];
      if (partOf(finding, "message")) add(node, rule, partOf(finding, "message"), partOf(finding, "fix"));
    } else if (node.type === "ObjectExpression" && partOf(node, "what") && partOf(node, "fix")) {
      add(node, undefined, partOf(node, "what"), partOf(node, "fix"));
    } else if (node.type === "ObjectExpression" && partOf(node, "path") && partOf(node, "fix")) {
      const [textsOf] = readersAt(node, [], nodes);
      for (const path of textsOf!(partOf(node, "path")))
        for (const fix of textsOf!(partOf(node, "fix")))
          messages.push({ rule: "owned-value", message: `${path}: This value is this program's.`, fix });
    } else if (node.type === "NewExpression" && /Error$/.test(nameOf(node.callee))) {
      add(node, undefined, (node.arguments as Node[])[0], undefined);
    }
  }
  // What is nothing but a value is written elsewhere.
  return messages.filter(({ rule, message }) => rule !== undefined || /\p{L}{2}/u.test(message));
}

/** The rules that a name stands for: one of a template, such as `…-algorithm`, stands for several. */
function rulesLike(name: string): string[] {
  if (name === "…") return [];
  const pattern = new RegExp(`^${name.replaceAll("…", ".*")}$`);
  return Object.keys(rules).filter((rule) => pattern.test(rule));
}

/**
 * How to read expressions at a node. Where one of them is a parameter of the function around it, there is a reader for
 * each call of that function.
 */
function readersAt(
  node: Node,
  expressions: readonly (Node | undefined)[],
  nodes: readonly Node[],
): TextsOf[] {
  const around = nodes.findLast(
    (other) => other.type === "FunctionDeclaration" && isWithin(node, other) && other !== node,
  );
  const parameters = ((around?.params ?? []) as Node[]).map(nameOf);
  if (
    around === undefined ||
    !expressions.some((part) => part && nameOf(part) !== "" && parameters.includes(nameOf(part)))
  ) {
    return [reader(new Map(), nodes)];
  }
  return nodes
    .filter((call) => call.type === "CallExpression" && nameOf(call.callee) === nameOf(around.id))
    .map(({ arguments: given }) =>
      reader(new Map(parameters.map((parameter, index) => [parameter, (given as Node[])[index]])), nodes),
    );
}

function reader(given: ReadonlyMap<string, Node | undefined>, nodes: readonly Node[]): TextsOf {
  const textsOf: TextsOf = (expression) => {
    if (expression === undefined) return ["…"];
    switch (expression.type) {
      case "Literal":
        return [typeof expression.value === "string" ? expression.value : "…"];
      case "TemplateLiteral": {
        const texts = (expression.quasis as { value: { cooked: string } }[]).map(({ value }) => [
          value.cooked,
        ]);
        const values = (expression.expressions as Node[]).map(inText);
        return joined(
          texts.flatMap((text, index) => (index < values.length ? [text, values[index]!] : [text])),
        );
      }
      case "BinaryExpression":
        return joined([textsOf(expression.left as Node), textsOf(expression.right as Node)]);
      case "ConditionalExpression":
        return [...textsOf(expression.consequent as Node), ...textsOf(expression.alternate as Node)];
      case "ParenthesizedExpression":
        return textsOf(expression.expression as Node);
      case "Identifier":
        return given.has(nameOf(expression))
          ? reader(new Map(), nodes)(given.get(nameOf(expression)))
          : declared(expression);
      case "CallExpression":
        return declared(expression.callee as Node);
      default:
        return ["…"];
    }
  };
  /** Within a text, what is written in this file, and no parameter: it stands for many values. */
  const inText = (expression: Node): string[] => {
    if (expression.type === "Identifier") return declared(expression);
    const isText = ["ConditionalExpression", "TemplateLiteral", "CallExpression"].includes(expression.type);
    return isText ? textsOf(expression) : ["…"];
  };
  /** What a constant is, or a function that gives nothing but texts: the last one of that name before it is used. */
  const declared = (identifier: Node): string[] => {
    const name = nameOf(identifier);
    if (name === "" || identifier.type !== "Identifier") return ["…"];
    const functions = nodes.filter(({ type, id }) => type === "FunctionDeclaration" && nameOf(id) === name);
    const isConstant = ({ type, id }: Node) => type === "VariableDeclarator" && nameOf(id) === name;
    const constant =
      nodes.findLast((node) => isConstant(node) && (node.end as number) <= (identifier.start as number)) ??
      nodes.find(isConstant) ??
      everyNode().find(isConstant);
    const value = constant?.init as Node | null | undefined;
    const [body] = value?.type === "ArrowFunctionExpression" ? [value.body as Node] : functions;
    const results =
      body === undefined
        ? [value]
        : ["BlockStatement", "FunctionDeclaration"].includes(body.type)
          ? below(body).flatMap(({ type, argument }) =>
              type === "ReturnStatement" ? [argument as Node | null] : [],
            )
          : [body];
    const texts = results.every((result) => result && textTypes.includes(result.type))
      ? results.flatMap((result) => textsOf(result!))
      : [];
    return texts.length > 0 ? texts : ["…"];
  };
  return textsOf;
}

/** Expressions that are texts. */
const textTypes = ["Literal", "TemplateLiteral", "BinaryExpression", "ConditionalExpression"];

/** Every way to put one text of each list after the other. */
function joined(lists: readonly (readonly string[])[]): string[] {
  return lists
    .reduce<string[]>((starts, ends) => starts.flatMap((start) => ends.map((end) => start + end)), [""])
    .map((text) => text.replaceAll(/…{2,}/g, "…"));
}

/** The name of an identifier, or the last one of `a.b`; empty for anything else. */
function nameOf(node: unknown): string {
  if (!isNode(node)) return "";
  return node.type === "MemberExpression"
    ? nameOf(node.property)
    : typeof node.name === "string"
      ? node.name
      : "";
}

function partOf(object: Node | undefined, name: string): Node | undefined {
  const properties = (object?.type === "ObjectExpression" ? object.properties : []) as Node[];
  return properties.find(({ type, key }) => type === "Property" && nameOf(key) === name)?.value as
    | Node
    | undefined;
}

const isWithin = (inner: Node, outer: Node) =>
  (inner.start as number) >= (outer.start as number) && (inner.end as number) <= (outer.end as number);

if (import.meta.main) writeFileSync(file, errorsPage());
