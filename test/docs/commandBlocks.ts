/** The commands of a page: its shell blocks, and what the comment right above each says of it. */
import { readPage } from "../../docs/pages.ts";

export interface CommandBlock {
  readonly script: string;
  /** Such as `needs a cluster of your own`; absent if there is no comment. */
  readonly remark: string | undefined;
}

/** In their order, those in lists as well. */
export function commandBlocks(page: string): CommandBlock[] {
  const blocks = readPage(page).matchAll(/(?:^ *<!-- ([^\n]*) -->\n)?^( *)```sh\n(.*?)^\2```$/gms);
  return [...blocks].map(([, remark, indent, script]) => ({
    remark,
    script: script!.replaceAll(new RegExp(`^${indent}`, "gm"), "").trim(),
  }));
}
