import { describe, expect, test } from "vitest";
import { Growing, LONGEST_TEXT } from "../src/text/growing";
import type { Piece } from "../src/text/pieces";

const TEXTS: Record<string, string> = {
  "lists that take up what comes behind them": "1. a\n\n2. b\n\n   more\n3) other\n\n- x\n\n- y\n- z\n\n* new",
  "a heading underlined later": "Title\n===\n\ntext\n---\n\nmore\n- - -\nend",
  "a table that interrupts a paragraph": "before\n| a | b |\n|---|:-:|\n| 1 | 2 |\nlazy\n\n| no\n",
  "listings, closed and open": "```js\nlet a = 1;\n\n# no heading\n```\n\n~~~\nb\n```\n\nstill b",
  "indented code": "para\n\n    code\n\n\n    more code\nno code",
  "quotes": "> a\nlazy\n>\n> b\n\n> c\n>> d\n\nend",
  "mathematics": "costs $5 and $6, but $x^2$ is\n\n$$\na\n- b\n$$\n\n\\[ c \\] \\(d\\) $$e$$\n\n$$\nnever closed\n\n# end",
  "emphasis that is closed late": "**bold\nstill** *it* ~~gone~~ __x__ [link](https://example.org \"t\") `a``",
  "line ends of other systems": "a\r\nb\r\rc\r\n\r\n- d\r\n- e",
  "what only looks like HTML": "<div>\n\n<script>alert(1)</script>\n\n[x](javascript:alert(1)) ![p](https://a/b.png)",
  "letters outside the first plane": "🙂 **🙃**\n\n漢字、**強調**。\n\nمرحبا *بالعالم*",
  "definitions, which are none here": "[a]: https://example.org\n\n[a] and [b][a]",
  "tasks": "- [x] done\n- [ ] open\n  - [X] inner",
};

const shown = (growing: Growing, text: string): Piece[][] => growing.update(text).map((block) => block.pieces);
const atOnce = (text: string) => shown(new Growing(), text);

/** Numbers that look random and are the same each time. */
function* numbers(seed: number): Generator<number> {
  for (;;) yield (seed = (seed * 1103515245 + 12345) % 2147483648);
}

describe("whatever the chunks, the end is the same as at once", () => {
  for (const [name, text] of Object.entries(TEXTS)) {
    test(name, () => {
      const growing = new Growing();
      let last: Piece[][] = [];
      for (let end = 1; end <= text.length; end++) {
        last = shown(growing, text.slice(0, end));
        expect(last, JSON.stringify(text.slice(0, end))).toEqual(atOnce(text.slice(0, end)));
      }
      expect(last).toEqual(atOnce(text));
    });
  }

  test("anything that these can be shuffled to", () => {
    const lines = Object.values(TEXTS).flatMap((text) => text.split("\n"));
    const random = numbers(7);
    const next = (below: number) => random.next().value! % below;
    for (let round = 0; round < 150; round++) {
      const text = Array.from({ length: 12 }, () => lines[next(lines.length)]).join("\n");
      const growing = new Growing();
      for (let end = 0; end < text.length; ) {
        end = Math.min(text.length, end + 1 + next(9));
        growing.update(text.slice(0, end));
      }
      expect(shown(growing, text), JSON.stringify(text)).toEqual(atOnce(text));
    }
  });

  test("a text too long to be read as Markdown", () => {
    const text = "- item\n\ntext\n\n".repeat(LONGEST_TEXT / 12);
    const growing = new Growing();
    for (let end = 0; end < text.length; end += 61_337) growing.update(text.slice(0, end));
    expect(shown(growing, text)).toEqual(atOnce(text));
  });
});

test("what is finished is not made again", () => {
  const growing = new Growing();
  const [first, second] = growing.update("# a\n\nb\n\nc");
  const after = growing.update("# a\n\nb\n\nc and more\n\nd");
  expect(after[0]).toBe(first);
  expect(after[1]).toBe(second);
});

test("a text that is another one begins anew", () => {
  const growing = new Growing();
  growing.update("# a\n\nb\n\nc");
  expect(shown(growing, "x\n\ny")).toEqual(atOnce("x\n\ny"));
});
