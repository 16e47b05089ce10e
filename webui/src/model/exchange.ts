// Conversations as files: JSON that comes back as it was, Markdown to read and print.

import { type Call, type Chat, type State, type Turn, newId } from "./nouns";
import { pathTo } from "./tree";

const FORMAT = "pannier-conversations";
const VERSION = 1;
const STATES: readonly State[] = ["done", "stopped", "cut", "failed", "lost"];

export interface Kept {
  chat: Chat;
  turns: Turn[];
}

/** All of it as one document. */
export function toJson(all: readonly Kept[]): string {
  const conversations = all.map(({ chat, turns }) => ({
    ...chat,
    turns: turns.map(({ chat: _, stream: __, ...turn }) => turn),
  }));
  return `${JSON.stringify({ format: FORMAT, version: VERSION, conversations }, null, 2)}\n`;
}

/** The conversations of a document, with new ids so that nothing there is overwritten. Null if it is no such document. */
export function fromJson(text: string): Kept[] | null {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    return null;
  }
  const { format, version, conversations } = record(document);
  if (format !== FORMAT || version !== VERSION || !Array.isArray(conversations)) return null;
  return conversations.map((raw) => conversation(record(raw)));
}

function conversation(raw: Record<string, unknown>): Kept {
  const id = newId();
  const ids = new Map<unknown, string>();
  const rawTurns = list(raw["turns"]).map(record);
  for (const turn of rawTurns) ids.set(turn["id"], newId());
  const turns = rawTurns.map((turn) => turnFrom(turn, id, ids));
  const leaf = ids.get(raw["leaf"]) ?? turns.at(-1)?.id ?? null;
  const chat: Chat = {
    id,
    title: string(raw["title"]).slice(0, 200),
    named: raw["named"] === true,
    pinned: raw["pinned"] === true,
    created: time(raw["created"]),
    updated: time(raw["updated"]),
    leaf,
    system: typeof raw["system"] === "string" ? raw["system"] : null,
  };
  return { chat, turns };
}

function turnFrom(raw: Record<string, unknown>, chat: string, ids: ReadonlyMap<unknown, string>): Turn {
  return {
    id: ids.get(raw["id"])!,
    chat,
    parent: ids.get(raw["parent"]) ?? null,
    role: raw["role"] === "user" ? "user" : "assistant",
    created: time(raw["created"]),
    content: string(raw["content"]),
    reasoning: string(raw["reasoning"]),
    calls: list(raw["calls"]).map(record).map(
      (call): Call => ({
        id: string(call["id"]),
        name: string(call["name"]),
        arguments: string(call["arguments"]),
        result: typeof call["result"] === "string" ? call["result"] : null,
      }),
    ),
    attachments: list(raw["attachments"])
      .map(record)
      .map((file) => ({ name: string(file["name"]), text: string(file["text"]) })),
    state: STATES.find((state) => state === raw["state"]) ?? "lost",
    problem: problem(raw["problem"]),
    stats: stats(raw["stats"]),
    stream: null,
    unverified: raw["unverified"] === true,
  };
}

function problem(raw: unknown): Turn["problem"] {
  if (!raw) return null;
  const { code, status, detail } = record(raw);
  return { code: string(code), status: count(status), detail: string(detail) };
}

function stats(raw: unknown): Turn["stats"] {
  if (!raw) return null;
  const { prompt, cached, answer, perSecond } = record(raw);
  return { prompt: count(prompt), cached: count(cached), answer: count(answer), perSecond: count(perSecond) };
}

/** The branch that is shown, to read. names: what the two who speak are called. */
export function toMarkdown({ chat, turns }: Kept, names: { user: string; assistant: string }): string {
  const path = pathTo(new Map(turns.map((turn) => [turn.id, turn])), chat.leaf);
  const parts = path.map((turn) => {
    const files = turn.attachments.map((file) => `*${file.name}*\n\n`).join("");
    const calls = turn.calls.map(({ name, arguments: given, result }) => {
      return `\n\n\`${name}(${given})\`${result === null ? "" : `\n\n> ${result.replaceAll("\n", "\n> ")}`}`;
    });
    return `## ${names[turn.role]}\n\n${files}${turn.content.trim()}${calls.join("")}\n`;
  });
  return `# ${chat.title}\n\n${parts.join("\n")}`;
}

/** A name a file may have on every system. */
export function fileName(title: string, ending: string): string {
  const plain = title.replace(/[\p{C}\\/:*?"<>|]+/gu, " ").trim().slice(0, 60).trim();
  return `${plain || "conversation"}.${ending}`;
}

function record(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}

function list(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

function string(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function count(value: unknown): number {
  return typeof value === "number" && Number.isFinite(value) ? value : 0;
}

function time(value: unknown): number {
  return count(value) || Date.now();
}
