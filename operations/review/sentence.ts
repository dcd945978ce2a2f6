/** Sentences of a review: its own words, and values from outside, which stay apart until the sentence is written. */
import { outside } from "../outside.ts";

/** A text from outside, fit to be shown. */
interface Value {
  readonly value: string;
}

export type Sentence = readonly (string | Value)[];

/** What stands in a sentence's gap: a string is from outside; a sentence, or a number, is our own. */
type Gap = string | number | Sentence;

/** Writes a sentence: say\`Helm upgrades ${name}.\` */
export function say(words: TemplateStringsArray, ...gaps: readonly Gap[]): Sentence {
  return words.flatMap((word, place) => {
    const gap = gaps[place];
    if (gap === undefined) return [word];
    if (typeof gap === "number") return [word, String(gap)];
    return typeof gap === "string" ? [word, { value: outside(gap) }] : [word, ...gap];
  });
}

/** Our own words. */
export const own = (words: string): Sentence => [words];

/** Sentences, or values, beside each other. */
export function listed(gaps: readonly Gap[], separator = ", "): Sentence {
  return gaps.flatMap((gap, place) => [...(place === 0 ? [] : [separator]), ...say`${gap}`]);
}

const longestList = 6;

/** The first few of many, and how many more there are: a reviewer finds all in the diff. */
export function few(gaps: readonly Gap[]): Sentence {
  const more = gaps.length - longestList;
  return more > 0 ? say`${listed(gaps.slice(0, longestList))} and ${more} more` : listed(gaps);
}

/** As plain text. */
export function textOf(sentence: Sentence): string {
  return sentence.map((part) => (typeof part === "string" ? part : part.value)).join("");
}
