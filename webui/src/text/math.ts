// Mathematics: $…$ and \(…\) in a line, $$…$$ and \[…\] as blocks.
//
// A block of mathematics ends at the first empty line even where nothing closes it. So what a block is never depends on
// text behind its end, and an answer can be shown block by block while it comes.

import type { MarkdownIt } from "./parser";

const LOOK_AHEAD = 2000; // characters; a lone $ must not cost a search through the whole paragraph
const DISPLAY: Record<string, string> = { "$$": "$$", "\\[": "\\]" };

export function addMath(parser: MarkdownIt): void {
  parser.inline.ruler.before("escape", "math", (state, silent) => {
    const found = inlineAt(state.src.slice(state.pos, Math.min(state.posMax, state.pos + LOOK_AHEAD)));
    if (!found) return false;
    if (!silent) {
      const token = state.push("math", "", 0);
      token.content = found.text;
      token.info = found.display ? "display" : "";
    }
    state.pos += found.length;
    return true;
  });
  parser.block.ruler.before(
    "fence",
    "math_block",
    (state, startLine, endLine, silent) => {
      const line = (at: number) => state.src.slice((state.bMarks[at] ?? 0) + (state.tShift[at] ?? 0), state.eMarks[at]);
      const first = line(startLine);
      if ((state.sCount[startLine] ?? 0) - state.blkIndent >= 4) return false;
      const closing = DISPLAY[first.slice(0, 2)];
      if (!closing) return false;
      if (silent) return true;
      const lines: string[] = [];
      let at = startLine;
      let closed = false;
      for (; at < endLine && !closed; at++) {
        const text = at === startLine ? first.slice(2) : line(at);
        if (!text.trim() && at > startLine) break;
        if (at > startLine && (state.sCount[at] ?? 0) < state.blkIndent) break;
        const end = text.trimEnd();
        closed = end.endsWith(closing);
        lines.push(closed ? end.slice(0, -2) : text);
      }
      state.line = at;
      const token = state.push("math_block", "", 0);
      token.block = true;
      token.content = lines.join("\n").trim();
      token.info = closed ? "" : first.slice(0, 2);
      token.map = [startLine, at];
      return true;
    },
    { alt: ["paragraph", "blockquote", "list"] },
  );
}

interface Found {
  text: string;
  length: number;
  display: boolean;
}

/** Mathematics at the very beginning of `text`. Prices are none: "$5 and $6" has a digit behind its second sign. */
function inlineAt(text: string): Found | null {
  if (text.startsWith("\\(")) return between(text, "\\(", "\\)", false);
  if (text.startsWith("\\[")) return between(text, "\\[", "\\]", true);
  if (text.startsWith("$$")) return between(text, "$$", "$$", true);
  const found = /^\$(?![\s$])((?:\\[\s\S]|[^$\\])+?)\$(?!\d)/.exec(text);
  return found && !/\s$/.test(found[1]!) ? { text: found[1]!, length: found[0].length, display: false } : null;
}

function between(text: string, opening: string, closing: string, display: boolean): Found | null {
  const end = text.indexOf(closing, opening.length);
  const inner = text.slice(opening.length, end).trim();
  return end > 0 && inner ? { text: inner, length: end + closing.length, display } : null;
}
