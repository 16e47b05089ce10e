import { describe, expect, test } from "vitest";
import { LANGUAGES, LOADERS } from "../src/words";
import { en } from "../src/words/en";

const holes = (text: string) => [...text.matchAll(/\{\w+\}/g)].map(String).sort();
const SAME = new Set(["top_p", "top_k", "min_p", "formSchema", "checksum"]); // terms, not words

test("every language on offer but English has a catalogue to load", () => {
  expect(["en", ...Object.keys(LOADERS)].sort()).toEqual(Object.keys(LANGUAGES).sort());
});

describe.each(Object.entries(LOADERS))("%s", (_, load) => {
  test("has every sentence, and the same holes in each", async () => {
    const { words } = await load();
    expect(Object.keys(words)).toEqual(Object.keys(en));
    for (const [key, text] of Object.entries(words)) {
      expect(text.trim(), key).not.toBe("");
      expect(holes(text), key).toEqual(holes(en[key as keyof typeof en]));
    }
  });

  test("is really another language", async () => {
    const { words } = await load();
    const same = Object.entries(words).filter(([key, text]) => text === en[key as keyof typeof en] && !SAME.has(key));
    expect(same.length).toBeLessThan(10);
  });
});

/** What must not be in a sentence of this language. */
const STRANGE: Readonly<Record<string, RegExp>> = {
  ar: /[,;?]/,
  fr: /'| [;:?!%»]|« /, // a space that does not break, and a real apostrophe
  hi: /[^.]\.$/,
  ja: /[,?!]|ブラウザ(?!ー)|サーバ(?!ー)/,
  ko: /[을를이가은는]\([가-힣]\)/, // a particle that fits whatever comes before it is no Korean
  zh: /[,?!]|你/,
};

test.each(Object.entries(STRANGE))("%s keeps its own punctuation and words", async (language, strange) => {
  const { words } = await LOADERS[language]!();
  const odd = Object.values<string>(words).filter((text) => strange.test(text));
  expect(odd).toEqual([]);
});
