// What a text is made of, as plain data. Only what is named here can ever be on the page, whatever a model writes.

import type { Token } from "markdown-it";

const TAGS = [
  ...["p", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "ul", "ol", "li", "hr", "br"],
  ...["strong", "em", "s", "table", "thead", "tbody", "tr", "th", "td"],
] as const;
export type Tag = (typeof TAGS)[number];

export type Piece =
  | string
  | { is: "element"; tag: Tag; kids: Piece[]; start?: number; align?: Align }
  | { is: "link"; href: string; kids: Piece[] }
  | { is: "picture"; alt: string; href: string }
  | { is: "code"; text: string }
  | { is: "listing"; text: string; language: string }
  | { is: "math"; text: string; display: boolean }
  | { is: "task"; checked: boolean };

export type Align = "left" | "center" | "right";
type Parent = { kids: Piece[] };

const KNOWN = new Set<string>(TAGS);
const SAFE = /^(https?:|mailto:)/i;

/** Tokens as a tree. */
export function pieces(tokens: readonly Token[]): Piece[] {
  const root: Parent = { kids: [] };
  const open: Parent[] = [root];
  for (const token of tokens) {
    const here = open.at(-1) ?? root;
    if (token.type === "inline") here.kids.push(...tasked(here, pieces(token.children ?? [])));
    else if (token.nesting < 0) open.pop();
    else if (token.nesting > 0) {
      const made = container(token);
      if (made) here.kids.push(made as Piece);
      open.push(made ?? here); // an unknown container, or the hidden paragraph of a tight list: only what is inside
    } else here.kids.push(...leaf(token));
  }
  return root.kids;
}

function container(token: Token): (Piece & Parent) | null {
  if (token.hidden) return null;
  if (token.type === "link_open") {
    const href = String(token.attrGet("href") ?? "");
    return SAFE.test(href) ? { is: "link", href, kids: [] } : null;
  }
  if (!KNOWN.has(token.tag)) return null;
  const element: Piece & Parent = { is: "element", tag: token.tag as Tag, kids: [] };
  const start = token.attrGet("start");
  if (start !== null && token.tag === "ol") element.start = Number(start);
  const align = /text-align:(left|center|right)/.exec(String(token.attrGet("style") ?? ""))?.[1];
  if (align) element.align = align as Align;
  return element;
}

function leaf(token: Token): Piece[] {
  switch (token.type) {
    case "text":
      return token.content ? [token.content] : [];
    case "softbreak":
    case "hardbreak":
      return [{ is: "element", tag: "br", kids: [] }];
    case "hr":
      return [{ is: "element", tag: "hr", kids: [] }];
    case "code_inline":
      return [{ is: "code", text: token.content }];
    case "fence":
      return [{ is: "listing", text: token.content, language: /^\S*/.exec(token.info.trim())![0].slice(0, 30) }];
    case "code_block":
      return [{ is: "listing", text: token.content, language: "" }];
    case "math":
      return [{ is: "math", text: token.content, display: token.info === "display" }];
    case "math_block":
      return [
        token.info
          ? { is: "element", tag: "p", kids: [token.info + token.content] }
          : { is: "math", text: token.content, display: true },
      ];
    case "image":
      return [{ is: "picture", alt: token.content, href: String(token.attrGet("src") ?? "") }];
    default:
      return token.content ? [token.content] : [];
  }
}

/** GitHub's check boxes at the beginning of a list item. */
function tasked(parent: Parent, inline: Piece[]): Piece[] {
  const first = inline[0];
  const isItem = "tag" in parent && parent.tag === "li" && parent.kids.length === 0;
  const mark = isItem && typeof first === "string" ? /^\[([ xX])\] /.exec(first) : null;
  if (!mark || typeof first !== "string") return inline;
  return [{ is: "task", checked: mark[1] !== " " }, first.slice(4), ...inline.slice(1)];
}
