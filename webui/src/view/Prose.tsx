// Markdown on the page: pieces become elements, one kind of piece one kind of element. There is no HTML anywhere.

import { Component, type ComponentChildren, h } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import { took } from "../state/pace";
import { type Block, Growing } from "../text/growing";
import type { Piece } from "../text/pieces";
import { t } from "../words";
import { Formula } from "./Formula";
import { Listing } from "./Listing";

/** A text in Markdown. growing: more will come at its end. */
export function Prose({ text, growing }: { text: string; growing: boolean }) {
  const begin = performance.now();
  const state = useRef<Growing | null>(null);
  state.current ??= new Growing();
  const blocks = state.current.update(text);
  useLayoutEffect(() => {
    if (growing) took(performance.now() - begin);
  });
  return (
    <div class="prose">
      {blocks.map((block, index) => (
        <Drawn key={index} block={block} open={growing && index === blocks.length - 1} />
      ))}
    </div>
  );
}

/** Drawn once for each block: the same object is the same picture. */
class Drawn extends Component<{ block: Block; open: boolean }> {
  override shouldComponentUpdate(next: { block: Block; open: boolean }): boolean {
    return next.block !== this.props.block || next.open !== this.props.open;
  }

  override render() {
    const { block, open } = this.props;
    return <>{block.pieces.map((piece, index) => draw(piece, index, open, true))}</>;
  }
}

function draw(piece: Piece, key: number, open: boolean, isTop = false): ComponentChildren {
  if (typeof piece === "string") return piece;
  const kids = () => (piece as { kids: Piece[] }).kids.map((kid, index) => draw(kid, index, open));
  switch (piece.is) {
    case "element": {
      const { tag, start, align } = piece;
      if (tag === "table") return <div class="scroller" tabIndex={0} role="group" key={key}>{h(tag, {}, kids())}</div>;
      return h(HEADINGS[tag] ?? tag, { key, start, class: align && `align-${align}`, dir: isTop ? "auto" : undefined }, kids());
    }
    case "link":
      return (
        <a key={key} href={piece.href} target="_blank" rel="noopener noreferrer nofollow">
          {kids()}
        </a>
      );
    case "picture":
      return <span key={key} class="picture">{t("picture", { alt: piece.alt || piece.href })}</span>;
    case "code":
      return <code key={key} dir="ltr">{piece.text}</code>;
    case "listing":
      return <Listing key={key} text={piece.text} language={piece.language} growing={open} />;
    case "math":
      return <Formula key={key} text={piece.text} display={piece.display} growing={open} />;
    case "task":
      return <input key={key} type="checkbox" checked={piece.checked} disabled aria-label={piece.checked ? "☑" : "☐"} />;
  }
}

/** The page has headings of its own above these. */
const HEADINGS: Readonly<Record<string, string>> = { h1: "h3", h2: "h4", h3: "h5", h4: "h6", h5: "h6", h6: "h6" };
