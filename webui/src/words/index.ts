// What the page says, in the language it says it in. English is in the page; the others are loaded when spoken.

import { signal } from "@preact/signals";
import { remember } from "../store/small";
import { en } from "./en";

export type Key = keyof typeof en;
export type Words = Record<Key, string>;

export const LANGUAGES: Readonly<Record<string, string>> = {
  en: "English",
  ar: "العربية",
  de: "Deutsch",
  es: "Español",
  fr: "Français",
  hi: "हिन्दी",
  ja: "日本語",
  ko: "한국어",
  pt: "Português",
  zh: "中文",
};

export const LOADERS: Readonly<Record<string, () => Promise<{ words: Words }>>> = {
  ar: () => import("./ar"),
  de: () => import("./de"),
  es: () => import("./es"),
  fr: () => import("./fr"),
  hi: () => import("./hi"),
  ja: () => import("./ja"),
  ko: () => import("./ko"),
  pt: () => import("./pt"),
  zh: () => import("./zh"),
};

const SPOKEN = "pannier.spoken"; // early.js reads it with the next visit
const RIGHT_TO_LEFT = new Set(["ar"]);

const words = signal<Words>(en);
export const language = signal("en");

let speaking: Promise<void> = Promise.resolve();

/** Resolves when the words are there that were last asked for. */
export function spoken(): Promise<void> {
  return speaking;
}

/** Speak the wished language, or the first of the browser's that we can. */
export function speak(wished: string): void {
  speaking = learn(wished).catch(() => {}); // what cannot be loaded stays in the language there is
}

async function learn(wished: string): Promise<void> {
  const chosen = [wished, ...navigator.languages].map(primary).find((name) => name in LANGUAGES) ?? "en";
  const load = LOADERS[chosen];
  const loaded = load ? (await load()).words : en;
  words.value = loaded;
  language.value = chosen;
  const direction = RIGHT_TO_LEFT.has(chosen) ? "rtl" : "ltr";
  document.documentElement.lang = chosen;
  document.documentElement.dir = direction;
  remember(SPOKEN, { language: chosen, direction });
}

/** The sentence for `key`, with what it has in {braces} put in. */
export function t(key: Key, values: Readonly<Record<string, string | number>> = {}): string {
  return words.value[key].replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));
}

export function number(value: number, digits = 0): string {
  return new Intl.NumberFormat(language.value, { maximumFractionDigits: digits }).format(value);
}

export function moment(time: number): string {
  return new Intl.DateTimeFormat(language.value, { dateStyle: "medium", timeStyle: "short" }).format(time);
}

function primary(tag: string): string {
  return tag.toLowerCase().split("-")[0] ?? "";
}
