// A text that grows at its end, as blocks. What is finished is never read again; only the block that is still open is.
//
// Which blocks there are is found with the outline alone. A block begins where a complete line says so, and then nothing
// behind it can change what stands before it; the last one stays open, since more may join it. A block's own pieces are
// made from its own lines, and made again only if these changed.

import { outline, whole } from "./parser";
import { type Piece, pieces } from "./pieces";

/** A longer block, and what comes behind this much text, is shown as it is: to read it would hold up the page. */
export const LONGEST_BLOCK = 20_000;
export const LONGEST_TEXT = 100_000;
const MOST_LINES = 1000; // of a block that is no listing
const PLAIN_PIECE = 20_000;

export interface Block {
  source: string;
  pieces: Piece[];
}

export class Growing {
  /** All blocks, finished and open. A finished one stays the same object. */
  blocks: Block[] = [];
  #plain: Block[] = [];
  #text = "";
  #finished = 0; // blocks
  #anchor = 0; // where the first open block begins

  /** Take the text as it is now; best the former one with more at its end. */
  update(raw: string): readonly Block[] {
    const all = normalised(raw);
    const text = all.slice(0, LONGEST_TEXT);
    if (!text.startsWith(this.#text.slice(0, this.#anchor))) this.#reset();
    if (all.length > LONGEST_TEXT) this.#addPlain(all);
    if (text === this.#text) return [...this.blocks, ...this.#plain];
    this.#text = text;
    const found = this.#outlined();
    const kept = this.blocks.slice(0, this.#finished);
    const former = this.blocks.slice(this.#finished);
    this.blocks = [...kept, ...found.map((one, index) => reused(former[index], one.source))];
    const complete = text.lastIndexOf("\n") + 1;
    for (let index = found.length - 1; index > 0; index--) {
      const { at } = found[index]!;
      if (at < complete) {
        this.#finished = kept.length + index;
        this.#anchor = at;
        break;
      }
    }
    return [...this.blocks, ...this.#plain];
  }

  #outlined(): Found[] {
    const tail = this.#text.slice(this.#anchor);
    const starts = lineStarts(tail);
    const found: Found[] = [];
    let depth = 0;
    for (const token of outline.parse(tail, {})) {
      if (depth === 0 && token.map && token.nesting >= 0) {
        const [first, last] = token.map;
        const begin = starts[first] ?? tail.length;
        const source = tail.slice(begin, starts[last] ?? tail.length).replace(/\n+$/, "");
        found.push({ at: this.#anchor + begin, source });
      }
      depth += token.nesting;
    }
    return found;
  }

  #addPlain(all: string): void {
    for (let at = LONGEST_TEXT, index = 0; at < all.length; at += PLAIN_PIECE, index++) {
      const source = all.slice(at, at + PLAIN_PIECE);
      if (this.#plain[index]?.source !== source) this.#plain[index] = { source, pieces: plain(source) };
    }
  }

  #reset(): void {
    this.blocks = [];
    this.#plain = [];
    this.#text = "";
    this.#finished = this.#anchor = 0;
  }
}

interface Found {
  at: number;
  source: string;
}

function reused(former: Block | undefined, source: string): Block {
  return former?.source === source ? former : { source, pieces: read(source) };
}

function read(source: string): Piece[] {
  const isListing = /^ {0,3}(```|~~~)/.test(source);
  if (!isListing && (source.length > LONGEST_BLOCK || hasLines(source, MOST_LINES))) return plain(source);
  return pieces(whole.parse(source, {}));
}

function hasLines(text: string, count: number): boolean {
  let at = -1;
  do at = text.indexOf("\n", at + 1);
  while (at >= 0 && --count > 0);
  return at >= 0;
}

function plain(source: string): Piece[] {
  return [{ is: "listing", text: source, language: "" }];
}

/** Line ends as the parser sees them; a lone \r at the end may still become one. */
function normalised(text: string): string {
  return text.replace(/\r\n?/g, "\n").replaceAll("\0", "\uFFFD");
}

function lineStarts(text: string): number[] {
  const starts = [0];
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) starts.push(at + 1);
  return starts;
}
