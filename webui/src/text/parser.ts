// The Markdown we read: CommonMark with tables and strikethrough, and mathematics. HTML is text like any other.

import Markdown from "markdown-it";
import { addMath } from "./math";

export type MarkdownIt = InstanceType<typeof Markdown>;

const NESTING = 40;

function configured(): MarkdownIt {
  const parser = new Markdown({ html: false, linkify: true, breaks: true });
  parser.set({ maxNesting: NESTING });
  parser.linkify.set({ fuzzyLink: false, fuzzyEmail: false, fuzzyIP: false });
  // A definition may change what stands far above it, so that a block would never be finished.
  parser.disable("reference");
  addMath(parser);
  return parser;
}

export const whole = configured();

/** Finds where blocks begin and end, and looks no further. */
export const outline = configured();
outline.core.ruler.disable(["inline", "linkify", "replacements", "smartquotes", "text_join"]);
