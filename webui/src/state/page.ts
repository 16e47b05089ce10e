// What the whole page knows: the server's word about itself, the user's settings, which language we speak.

import { computed, effect, signal } from "@preact/signals";
import { type Settings, UNSET, settingsFrom } from "../model/settings";
import { type Health, NOTHING, type Ui, health as askHealth, retry, ui as askUi } from "../server/about";
import { ServerError, useKey } from "../server/client";
import { recall, remember } from "../store/small";
import { speak } from "../words";

const SETTINGS = "pannier.settings";
const SYSTEM = "pannier.system";
const POLL = 400; // milliseconds between two looks while the server is not ready

export const ui = signal<Ui>(NOTHING);
export const health = signal<Health>({ status: "loading" });
/** The server wants an API key; one is being tried; the one that was tried is none. */
export const locked = signal<"" | "asked" | "trying" | "wrong">("");
export const settings = signal<Settings>(settingsFrom(recall(SETTINGS)));
/** The system prompt the user put in place of the dist's, null for none. */
export const ownSystem = signal<string | null>(stringOrNull(recall(SYSTEM)));

export const ready = computed(() => health.value.status === "ok" && !locked.value);
export const system = computed(() => {
  const { system_prompt: given, system_prompt_locked: fixed } = ui.value;
  return fixed ? given : (ownSystem.value ?? given);
});

/** Whether the dist lets its users set this. */
export function mayset(name: string): boolean {
  const allowed = ui.value.settings;
  return allowed === null || allowed.includes(name);
}

effect(() => remember(SETTINGS, settings.value));
effect(() => remember(SYSTEM, ownSystem.value));
effect(() => speak(settings.value.language || ui.value.language));

export function change(patch: Partial<Settings>): void {
  settings.value = { ...settings.value, ...patch };
}

export function resetSettings(): void {
  const { theme, language } = settings.value;
  settings.value = { ...UNSET, theme, language };
  ownSystem.value = null;
}

let looking: Promise<void> | null = null;

/** Look after the server until its model can be asked; many callers, one look. */
export function untilReady(): Promise<void> {
  looking ??= look().finally(() => (looking = null));
  return looking;
}

async function look(): Promise<void> {
  for (;;) {
    const found = await askHealth();
    if (found.status !== "gone" && (!ui.value.model || found.status === "ok")) await introduce();
    health.value = found;
    if (found.status === "ok" || (locked.value && found.status !== "gone")) return;
    await new Promise((resolve) => setTimeout(resolve, found.status === "failed" ? 5 * POLL : POLL));
  }
}

/** Once more, by the user's wish: a failed engine begins anew. */
export async function tryAgain(): Promise<void> {
  if (health.peek().status === "failed") {
    health.value = { status: "loading" };
    await retry();
  }
  await untilReady();
}

/** One look at the server's health, while an answer keeps us waiting; more of them where it is not well. */
export async function glance(): Promise<void> {
  if (looking) return;
  const found = await askHealth();
  if (looking) return;
  health.value = found;
  if (found.status !== "ok") void untilReady();
}

/** Try a key: whether it is right only the server can say. */
export async function tryKey(key: string): Promise<void> {
  locked.value = "trying";
  useKey(key);
  await introduce("wrong");
  if (locked.peek() === "trying") locked.value = "asked"; // no answer: it says nothing about the key
  await untilReady();
}

/** Ask the server who it is. refused: what it means where it wants another key. */
async function introduce(refused: "asked" | "wrong" = "asked"): Promise<void> {
  try {
    ui.value = await askUi();
    locked.value = "";
  } catch (error) {
    if (!(error instanceof ServerError) || error.status !== 401) return;
    if (refused === "wrong" || !locked.peek()) locked.value = refused;
  }
}

function stringOrNull(value: unknown): string | null {
  return typeof value === "string" ? value : null;
}
