/** What pairs of runs come to: the machine's speed changes from minute to minute, and that of a pair's runs changes alike. */

/** One run of each program, directly after each other; in seconds. */
export interface Pair {
  readonly ours: number;
  readonly stock: number;
}

/** How many times as long as the stock program ours takes. */
export interface Ratio {
  readonly median: number;
  readonly minimum: number;
  readonly maximum: number;
}

const ratioOf = ({ ours, stock }: Pair) => ours / stock;

/** @throws where there is no pair. */
export function summarize(pairs: readonly Pair[]): Ratio {
  if (pairs.length === 0) throw new Error("There is no pair to summarize.");
  const ratios = pairs.map(ratioOf).sort((left, right) => left - right);
  const middle = (ratios.length - 1) / 2;
  return {
    median: (ratios[Math.floor(middle)]! + ratios[Math.ceil(middle)]!) / 2,
    minimum: ratios[0]!,
    maximum: ratios.at(-1)!,
  };
}

/** The pairs and their ratios as lines of a table. */
export function tableOf(pairs: readonly Pair[]): string {
  const rows = pairs.map((pair, index) => [
    String(index + 1),
    `${pair.ours.toFixed(2)} s`,
    `${pair.stock.toFixed(2)} s`,
    ratioOf(pair).toFixed(2),
  ]);
  return [["pair", "ours", "stock", "ratio"], ...rows]
    .map((cells) => cells.map((cell) => cell.padStart(8)).join("  "))
    .join("\n");
}

/** The ratio in one line. */
export function sentenceOf(ratio: Ratio, pairs: number): string {
  const [median, minimum, maximum] = [ratio.median, ratio.minimum, ratio.maximum].map((value) =>
    value.toFixed(2),
  );
  return `Ours takes ${median} times as long as the stock program: the median of ${pairs} pairs, from ${minimum} to ${maximum}.`;
}
