// Code in colours: highlight.js's languages, as a tree and not as HTML.

import type { Root } from "hast";
import { common, createLowlight } from "lowlight";

const low = createLowlight(common);

/** The text in spans with highlight.js's classes, or null for a language we do not know. */
export function highlight(text: string, language: string): Root | null {
  const name = language.toLowerCase();
  try {
    return low.registered(name) ? low.highlight(name, text) : null;
  } catch {
    return null;
  }
}
