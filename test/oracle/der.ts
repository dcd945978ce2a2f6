/** DER as a tree that can be changed, and be written with what DER forbids. */

/** An element. The texts of octet and bit strings are looked into, since extensions and keys are in them. */
export interface Element {
  tag: number;
  /** What a bit string begins with: the number of its unused bits. */
  prefix: Buffer;
  content: Buffer | Element[];
  /** `padded`: longer than it must be; `indefinite`: until two zeros. Both are allowed in BER alone. */
  length: "minimal" | "padded" | "indefinite";
}

const none = Buffer.alloc(0);
const bitString = 0x03;
const octetString = 0x04;
const constructed = 0x20;

/** An element that holds a text of bytes. */
export const primitive = (tag: number, content: Buffer): Element => ({
  tag,
  prefix: none,
  content,
  length: "minimal",
});

/** An element that holds others. */
export const holding = (tag: number, ...parts: Element[]): Element => ({
  ...primitive(tag, none),
  content: parts,
});

/** Reads one element, with all that is in it. What cannot be taken apart stays whole. */
export function readElement(der: Buffer): Element {
  const { tag, begin, end } = header(der);
  const content = der.subarray(begin, end);
  const plain = primitive(tag, content);
  if (tag === bitString && content[0] === 0) {
    const parts = elements(content.subarray(1));
    return parts?.length === 1 ? { ...plain, prefix: Buffer.of(0), content: parts } : plain;
  }
  const parts = (tag & constructed) !== 0 || tag === octetString ? elements(content) : undefined;
  return parts === undefined || parts.length === 0 || (tag === octetString && parts.length > 1)
    ? plain
    : { ...plain, content: parts };
}

function elements(content: Buffer): Element[] | undefined {
  const parts: Element[] = [];
  for (let rest = content; rest.length > 0; ) {
    try {
      const { end } = header(rest);
      parts.push(readElement(rest.subarray(0, end)));
      rest = rest.subarray(end);
    } catch {
      return undefined;
    }
  }
  return parts;
}

function header(der: Buffer): { tag: number; begin: number; end: number } {
  const [tag, first] = der;
  if (tag === undefined || first === undefined || (tag & 0x1f) === 0x1f) throw new RangeError("no element");
  const lengthBytes = first < 0x80 ? 0 : first & 0x7f;
  if (lengthBytes > 3 || first === 0x80 || der.length < 2 + lengthBytes) throw new RangeError("no length");
  const begin = 2 + lengthBytes;
  const end = begin + (lengthBytes === 0 ? first : der.readUIntBE(2, lengthBytes));
  if (end > der.length) throw new RangeError("cut off");
  return { tag, begin, end };
}

export function writeElement({ tag, prefix, content, length }: Element): Buffer {
  const inner = Buffer.isBuffer(content) ? content : Buffer.concat(content.map(writeElement));
  const whole = Buffer.concat([prefix, inner]);
  if (length === "indefinite") return Buffer.concat([Buffer.of(tag, 0x80), whole, Buffer.of(0, 0)]);
  return Buffer.concat([Buffer.of(tag), lengthOf(whole.length, length === "padded"), whole]);
}

function lengthOf(bytes: number, padded: boolean): Buffer {
  if (bytes < 0x80 && !padded) return Buffer.of(bytes);
  const size = Math.max(1, Math.ceil(Math.log2(bytes + 1) / 8)) + (padded && bytes >= 0x80 ? 1 : 0);
  const length = Buffer.alloc(1 + size);
  length[0] = 0x80 | size;
  length.writeUIntBE(bytes, 1, size);
  return length;
}

/** Every element of a tree with its place, from the outside in. */
function placesIn(root: Element): { parent: Element[]; index: number }[] {
  const below = (parent: Element[]): { parent: Element[]; index: number }[] =>
    parent.flatMap(({ content }, index) => [
      { parent, index },
      ...(Buffer.isBuffer(content) ? [] : below(content)),
    ]);
  return Buffer.isBuffer(root.content) ? [] : below(root.content);
}

export const reshapings = [
  "removed",
  "repeated",
  "swapped",
  "emptied",
  "replaced",
  "put before",
  "retagged",
  "longer by a byte",
  "padded",
  "indefinite",
] as const;

/** Something done to one element of a tree. */
export interface Reshaping {
  /** Which element; counted around where there are fewer. */
  readonly place: number;
  readonly way: (typeof reshapings)[number];
  /** Tag and content of an element in hexadecimal digits, such as `02 01`, for the ways that need one. */
  readonly other: string;
}

export function reshape(root: Element, { place, way, other }: Reshaping): void {
  const places = placesIn(root);
  const found = places[place % Math.max(1, places.length)];
  if (found === undefined) return;
  const { parent, index } = found;
  const target = parent[index]!;
  const [tag = "", text = ""] = other.split(" ");
  const replacement = primitive(Number.parseInt(tag, 16), Buffer.from(text, "hex"));
  const ways: Readonly<Record<Reshaping["way"], () => unknown>> = {
    removed: () => parent.splice(index, 1),
    repeated: () => parent.splice(index, 0, target),
    swapped: () => parent.splice(index, 2, ...parent.slice(index, index + 2).reverse()),
    emptied: () => Object.assign(target, { content: none, prefix: none }),
    replaced: () => parent.splice(index, 1, replacement),
    "put before": () => parent.splice(index, 0, replacement),
    retagged: () => (target.tag = replacement.tag),
    "longer by a byte": () => {
      const { prefix, content } = target;
      const inner = Buffer.isBuffer(content) ? content : Buffer.concat(content.map(writeElement));
      target.content = Buffer.concat([inner, Buffer.of(0)]);
      target.prefix = prefix;
    },
    padded: () => (target.length = "padded"),
    indefinite: () => (target.length = "indefinite"),
  };
  ways[way]();
}
