// TeX to MathML. Nothing a formula says can load or link to anything, and macros cannot grow without end.

import temml from "temml";

/** Put the formula into `node`; what cannot be read stays there as it was written. */
export function draw(node: HTMLElement, text: string, display: boolean): void {
  try {
    temml.render(text, node, { displayMode: display, throwOnError: true, trust: false, maxExpand: 200, maxSize: [20, 200] });
  } catch {
    node.textContent = text;
  }
}
