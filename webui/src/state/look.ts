// Title, icon and colours: the dist's, made readable.

import { effect } from "@preact/signals";
import { settings, ui } from "./page";

const ENOUGH = 4.5; // WCAG AA for text
const dark = matchMedia("(prefers-color-scheme: dark)");
const PAPER = { light: "#faf9f6", dark: "#191a1a" } as const;

/** Keeps the document as the dist and the user want it. */
export function dress(): void {
  effect(() => {
    document.title = ui.value.title || ui.value.model || "Chat";
  });
  effect(() => {
    const icon = document.querySelector<HTMLLinkElement>("link[rel=icon]");
    if (icon) icon.href = iconAddress(ui.value.icon);
  });
  effect(paint);
  dark.addEventListener("change", paint);
}

/** The dist's icon, an emoji or an SVG document, as an address; its scripts, if it had any, cannot run there. */
export function iconAddress(icon: string): string {
  if (!icon) return "./icon.svg";
  const drawn = icon.startsWith("<svg")
    ? icon
    : `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><text x="16" y="25" font-size="26" text-anchor="middle">${icon}</text></svg>`;
  return `data:image/svg+xml,${encodeURIComponent(drawn)}`;
}

function paint(): void {
  const { theme } = settings.value;
  const root = document.documentElement;
  if (theme) root.dataset["theme"] = theme;
  else delete root.dataset["theme"];
  const accent = ui.value.accent;
  if (!accent) return;
  const shown = readable(accent, PAPER[theme || (dark.matches ? "dark" : "light")]);
  root.style.setProperty("--accent", shown);
  root.style.setProperty("--accent-ink", contrast(shown, "#ffffff") >= ENOUGH ? "#ffffff" : "#141414");
}

/** The colour, moved towards black or white until it can be read on `paper`. */
export function readable(color: string, paper: string): string {
  const target = luminance(paper) > 0.4 ? 0 : 255;
  let channels = rgb(color);
  for (let step = 0; step < 40 && contrast(hex(channels), paper) < ENOUGH; step++) {
    channels = channels.map((channel) => channel + (target - channel) * 0.06);
  }
  return hex(channels);
}

export function contrast(one: string, other: string): number {
  const [low, high] = [luminance(one), luminance(other)].sort((a, b) => a - b) as [number, number];
  return (high + 0.05) / (low + 0.05);
}

function luminance(color: string): number {
  const [r, g, b] = rgb(color).map((channel) => {
    const share = channel / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  }) as [number, number, number];
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function rgb(color: string): number[] {
  const value = Number.parseInt(color.slice(1), 16);
  return [value >> 16, (value >> 8) & 255, value & 255];
}

function hex(channels: readonly number[]): string {
  return `#${channels.map((channel) => Math.round(channel).toString(16).padStart(2, "0")).join("")}`;
}
