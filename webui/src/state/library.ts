// All conversations: the list, the one that is open, and what is told to the other tabs.

import { computed, signal } from "@preact/signals";
import type { Chat, Turn } from "../model/nouns";
import { Memory, type Shelf, openShelf } from "../store/shelf";
import { Conversation } from "./conversation";

const NAME = "pannier";
const PATIENCE = 3000; // milliseconds for the browser to read what it keeps; some never answer

/** forgetful: nothing outlives this tab. full: no room. outdated: a newer page took over in another tab. */
export type ShelfState = "fine" | "forgetful" | "full" | "outdated";

export const chats = signal<Chat[]>([]);
export const open = signal(new Conversation());
export const shelfState = signal<ShelfState>("fine");
/** Whether what is kept was read. Before that nothing can be said: it may belong into a conversation still to come. */
export const opened = signal(false);
export const search = signal("");

/** Pinned ones first, then the newest; what the search leaves of them. */
export const listed = computed(() => {
  const words = search.value.trim().toLowerCase();
  const found = words ? chats.value.filter((chat) => hits.value.has(chat.id) || has(chat.title, words)) : chats.value;
  return [...found].sort((one, other) => Number(other.pinned) - Number(one.pinned) || other.updated - one.updated);
});

const hits = signal<ReadonlySet<string>>(new Set());
const live = new Map<string, Conversation>(); // those with an answer under way
const tabs = "BroadcastChannel" in globalThis ? new BroadcastChannel(NAME) : null;
let shelf: Shelf = new Memory();
let chosen = 0; // counts what was opened, so that of two that are read at once the later one stays

/** Read what is kept. A browser that takes too long is one that keeps nothing, until it answers after all. */
export async function openLibrary(): Promise<void> {
  tabs?.addEventListener("message", (event) => void heard(event.data));
  addEventListener("hashchange", () => void openNamed());
  const tooLong = new Promise<void>((resolve) => setTimeout(resolve, PATIENCE));
  await Promise.race([takeShelf(location.hash.slice(1)).catch(() => {}), tooLong]);
  if (!shelf.lasting) shelfState.value = "forgetful";
  opened.value = true;
}

/** Everything is read first and taken over at once; what was said meanwhile is put there and stays in sight. */
async function takeShelf(named: string): Promise<void> {
  const found = await openShelf(NAME, () => (shelfState.value = "outdated"));
  const kept = await found.chats();
  const chat = kept.find((one) => one.id === named);
  const turns = chat ? await found.turns(chat.id) : [];
  const before = shelf;
  shelf = found;
  if (shelf.lasting) shelfState.value = "fine";
  chats.value = [...kept, ...chats.peek()];
  if (chat && !open.peek().chat.peek().leaf) open.value = new Conversation(chat, turns);
  for (const early of await before.chats()) await put([early], await before.turns(early.id));
}

/** Open what the address names; a new conversation where it names none. */
async function openNamed(): Promise<void> {
  const id = location.hash.slice(1);
  if (id === open.peek().id) return;
  const chat = chats.peek().find((one) => one.id === id);
  if (chat) await openChat(chat);
  else startNew();
}

/** Open a conversation that is kept. What is chosen, or said, while it is read comes first. */
export async function openChat(chat: Chat): Promise<void> {
  const mine = ++chosen;
  const here = open.peek();
  const { leaf } = here.chat.peek();
  const turns = live.has(chat.id) ? [] : await shelf.turns(chat.id);
  if (mine !== chosen || here.chat.peek().leaf !== leaf) return;
  open.value = live.get(chat.id) ?? new Conversation(chat, turns);
  setAddress(chat.id);
}

export function startNew(): void {
  chosen++;
  open.value = new Conversation();
  setAddress("");
}

function setAddress(id: string): void {
  if (location.hash.slice(1) === id) return;
  history.pushState(null, "", id ? `#${id}` : location.pathname + location.search);
}

/** Whether an answer is being written into it, so that it must not be read anew. */
export function keepLive(conversation: Conversation, is: boolean): void {
  if (is) live.set(conversation.id, conversation);
  else live.delete(conversation.id);
}

/** Keep the conversation and these turns of it. */
export async function keep(conversation: Conversation, turns: readonly Turn[] = []): Promise<void> {
  const chat = conversation.chat.peek();
  if (!chat.leaf) return;
  if (open.peek() === conversation && location.hash.slice(1) !== chat.id) history.replaceState(null, "", `#${chat.id}`);
  chats.value = [...chats.peek().filter((one) => one.id !== chat.id), chat];
  await put([chat], turns);
}

export async function put(some: readonly Chat[], turns: readonly Turn[]): Promise<void> {
  try {
    await shelf.put(some, turns);
    if (shelfState.peek() === "full") shelfState.value = "fine";
    tabs?.postMessage({ chats: some.map((chat) => chat.id) });
  } catch (error) {
    shelfState.value = (error as Error).name === "QuotaExceededError" ? "full" : "forgetful";
  }
}

export async function describe(chat: Chat, patch: Partial<Chat>): Promise<void> {
  const changed = { ...chat, ...patch };
  if (open.peek().id === chat.id) open.peek().describe(patch);
  live.get(chat.id)?.describe(patch);
  chats.value = chats.peek().map((one) => (one.id === chat.id ? changed : one));
  await put([changed], []);
}

export async function remove(chat: Chat): Promise<void> {
  live.delete(chat.id);
  chats.value = chats.peek().filter((one) => one.id !== chat.id);
  if (open.peek().id === chat.id) startNew();
  await shelf.remove(chat.id);
  tabs?.postMessage({ chats: [chat.id] });
}

export function turnsOf(chat: Chat): Promise<Turn[]> {
  return shelf.turns(chat.id);
}

/** Look for words in what was said, not only in titles. */
export async function find(words: string): Promise<void> {
  search.value = words;
  const wanted = words.trim().toLowerCase();
  if (!wanted) return;
  const found = new Set<string>();
  for (const chat of chats.peek()) {
    const turns = await shelf.turns(chat.id);
    if (search.peek() !== words) return; // typed on
    if (turns.some((turn) => has(turn.content, wanted))) found.add(chat.id);
  }
  hits.value = found;
}

/** Read the list anew. What was changed here while it was read is in no such list yet, so it is read again. */
export async function list(): Promise<void> {
  for (let tries = 0; tries < 10; tries++) {
    const before = chats.peek();
    const read = await shelf.chats();
    if (chats.peek() !== before) continue;
    chats.value = read;
    return;
  }
}

/** Another tab changed these. */
async function heard({ chats: changed }: { chats: string[] }): Promise<void> {
  await list();
  const here = open.peek();
  if (!changed.includes(here.id) || live.has(here.id)) return;
  const chat = chats.peek().find((one) => one.id === here.id);
  if (chat) here.replace(chat, await shelf.turns(chat.id));
  else if (here.chat.peek().leaf) startNew();
}

function has(text: string, words: string): boolean {
  return text.toLowerCase().includes(words);
}
