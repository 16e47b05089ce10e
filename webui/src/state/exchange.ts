// Conversations out to files and in again.

import { fileName, fromJson, toJson, toMarkdown } from "../model/exchange";
import type { Chat } from "../model/nouns";
import { t } from "../words";
import { chats, list, put, turnsOf } from "./library";
import { notify } from "./view";

export async function exportChats(some: readonly Chat[]): Promise<void> {
  const kept = await Promise.all(some.map(async (chat) => ({ chat, turns: await turnsOf(chat) })));
  const only = some.length === 1 ? some[0] : null;
  hand(fileName(only ? only.title : t("conversations"), "json"), toJson(kept), "application/json");
}

export async function exportText(chat: Chat): Promise<void> {
  const kept = { chat, turns: await turnsOf(chat) };
  const text = toMarkdown(kept, { user: t("you"), assistant: t("assistant") });
  hand(fileName(chat.title, "md"), text, "text/markdown");
}

export async function importFile(file: File): Promise<void> {
  const kept = fromJson(await file.text());
  if (!kept) return notify(t("notImported", { name: file.name }));
  await put(
    kept.map(({ chat }) => chat),
    kept.flatMap(({ turns }) => turns),
  );
  await list();
  notify(t("imported", { count: kept.length }));
}

export function exportAll(): Promise<void> {
  return exportChats(chats.peek());
}

/** Give the user a file, as a download that goes nowhere. */
function hand(name: string, text: string, type: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
