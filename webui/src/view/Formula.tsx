// A formula as MathML, which browsers draw themselves. Until the converter is loaded, and where it fails, as written.

import { useLayoutEffect, useRef } from "preact/hooks";
import { useChunk } from "./chunks";

const LONGEST = 5_000; // characters

interface Props {
  text: string;
  display: boolean;
  growing: boolean;
}

export function Formula({ text, display }: Props) {
  const place = useRef<HTMLSpanElement>(null);
  const formulas = useChunk("formulas", text.length <= LONGEST);
  useLayoutEffect(() => {
    const node = place.current;
    if (!node) return;
    node.textContent = text;
    if (formulas && text.length <= LONGEST) formulas.draw(node, text, display);
  }, [text, display, formulas]);
  return <span ref={place} class={display ? "formula display" : "formula"} dir="ltr" tabIndex={display ? 0 : undefined} />;
}
