// Where conversations are kept: IndexedDB, or this tab's memory where the browser gives us none.

import { type DBSchema, type IDBPDatabase, openDB } from "idb";
import type { Chat, Turn } from "../model/nouns";

export interface Shelf {
  /** Whether what is put here is still there tomorrow. */
  readonly lasting: boolean;
  chats(): Promise<Chat[]>;
  turns(chat: string): Promise<Turn[]>;
  /** Puts all of it or nothing. Rejects with a QuotaExceededError where there is no room. */
  put(chats: readonly Chat[], turns: readonly Turn[]): Promise<void>;
  remove(chat: string): Promise<void>;
}

interface Schema extends DBSchema {
  chats: { key: string; value: Chat };
  turns: { key: string; value: Turn; indexes: { chat: string } };
}

/** The browser's shelf for this page's address; in private windows of some browsers there is none. */
export async function openShelf(name: string, onBlocked: () => void): Promise<Shelf> {
  try {
    const db = await openDB<Schema>(name, 1, {
      upgrade(fresh) {
        fresh.createObjectStore("chats", { keyPath: "id" });
        fresh.createObjectStore("turns", { keyPath: "id" }).createIndex("chat", "chat");
      },
      blocking: (_, __, event) => (event.target as IDBDatabase).close(), // a newer page in another tab comes first
      terminated: onBlocked,
    });
    return new Database(db);
  } catch {
    return new Memory();
  }
}

class Database implements Shelf {
  readonly lasting = true;
  readonly #db: IDBPDatabase<Schema>;

  constructor(db: IDBPDatabase<Schema>) {
    this.#db = db;
  }

  chats(): Promise<Chat[]> {
    return this.#db.getAll("chats");
  }

  turns(chat: string): Promise<Turn[]> {
    return this.#db.getAllFromIndex("turns", "chat", chat);
  }

  async put(chats: readonly Chat[], turns: readonly Turn[]): Promise<void> {
    const transaction = this.#db.transaction(["chats", "turns"], "readwrite");
    const writes = [
      ...chats.map((chat) => transaction.objectStore("chats").put(chat)),
      ...turns.map((turn) => transaction.objectStore("turns").put(turn)),
    ];
    await Promise.all([...writes, transaction.done]);
  }

  async remove(chat: string): Promise<void> {
    const transaction = this.#db.transaction(["chats", "turns"], "readwrite");
    const turns = transaction.objectStore("turns");
    const keys = await turns.index("chat").getAllKeys(chat);
    await Promise.all([
      transaction.objectStore("chats").delete(chat),
      ...keys.map((key) => turns.delete(key)),
      transaction.done,
    ]);
  }
}

export class Memory implements Shelf {
  readonly lasting = false;
  readonly #chats = new Map<string, Chat>();
  readonly #turns = new Map<string, Turn>();

  async chats(): Promise<Chat[]> {
    return [...this.#chats.values()];
  }

  async turns(chat: string): Promise<Turn[]> {
    return [...this.#turns.values()].filter((turn) => turn.chat === chat);
  }

  async put(chats: readonly Chat[], turns: readonly Turn[]): Promise<void> {
    for (const chat of chats) this.#chats.set(chat.id, chat);
    for (const turn of turns) this.#turns.set(turn.id, turn);
  }

  async remove(chat: string): Promise<void> {
    this.#chats.delete(chat);
    for (const turn of this.#turns.values()) if (turn.chat === chat) this.#turns.delete(turn.id);
  }
}
