// One conversation while it is open. Every turn is a signal, so that a word more redraws one turn and nothing else.

import { type Signal, computed, signal } from "@preact/signals";
import { type Chat, type Turn, newChat } from "../model/nouns";
import { type Turns, byAge, leafBehind, pathTo, placeOf } from "../model/tree";

const TITLE = 60; // characters

export class Conversation {
  readonly chat: Signal<Chat>;
  readonly #turns = new Map<string, Signal<Turn>>();
  /** Ids of the turns in one place. Each place is a signal: a turn more must not redraw five hundred others. */
  readonly #places = new Map<string, Signal<readonly string[]>>();
  readonly #shape = signal(0);

  constructor(chat: Chat = newChat(), turns: readonly Turn[] = []) {
    this.chat = signal(chat);
    for (const turn of turns) this.#take(turn);
  }

  get id(): string {
    return this.chat.peek().id;
  }

  /** The turns that are shown, first to last. */
  readonly path = computed((): Signal<Turn>[] => {
    void this.#shape.value;
    return pathTo(this.turns(), this.chat.value.leaf).map((turn) => this.#turns.get(turn.id)!);
  });

  /** All turns as they are now, whatever the branch. */
  turns(): Turns {
    return new Map([...this.#turns].map(([id, turn]) => [id, turn.peek()]));
  }

  turn(id: string): Turn | undefined {
    return this.#turns.get(id)?.peek();
  }

  /** Ids of the turns in this one's place, oldest first; follows what is added there. */
  versions(turn: Turn): readonly string[] {
    return this.#place(turn).value;
  }

  /** Put a new turn at the end of the branch that its parent is on. */
  add(turn: Turn): void {
    this.#take(turn);
    const chat = this.chat.peek();
    const title = chat.title || (turn.role === "user" ? headline(turn) : "");
    this.#shape.value++;
    this.chat.value = { ...chat, title, leaf: turn.id, updated: Date.now() };
  }

  change(id: string, patch: Partial<Turn>): void {
    const turn = this.#turns.get(id);
    if (turn) turn.value = { ...turn.peek(), ...patch };
  }

  describe(patch: Partial<Chat>): void {
    this.chat.value = { ...this.chat.peek(), ...patch };
  }

  /** Show the branch with this turn in it. */
  show(id: string): void {
    this.describe({ leaf: leafBehind(this.turns(), id) });
  }

  /** Take over what another tab wrote. */
  replace(chat: Chat, turns: readonly Turn[]): void {
    for (const turn of turns) {
      const known = this.#turns.get(turn.id);
      if (known) known.value = turn;
      else this.#take(turn);
    }
    this.#shape.value++;
    this.chat.value = chat;
  }

  #take(turn: Turn): void {
    this.#turns.set(turn.id, signal(turn));
    const place = this.#place(turn);
    const all = [...place.peek(), turn.id];
    place.value = all.length > 1 ? all.map((id) => this.turn(id)!).sort(byAge).map(({ id }) => id) : all;
  }

  #place(turn: Turn): Signal<readonly string[]> {
    const name = placeOf(turn);
    let place = this.#places.get(name);
    if (!place) this.#places.set(name, (place = signal<readonly string[]>([])));
    return place;
  }
}

function headline(turn: Turn): string {
  const line = (turn.content.trim() || turn.attachments[0]?.name || "").replace(/\s+/g, " ");
  return line.length <= TITLE ? line : `${line.slice(0, TITLE - 1).trimEnd()}…`;
}
