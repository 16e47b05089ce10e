// Turns form a tree; what is shown is one path through it.

import type { Turn } from "./nouns";

export type Turns = ReadonlyMap<string, Turn>;

/** From the first turn to `leaf`. A parent that is missing, or a ring in a file someone made, ends the way. */
export function pathTo(turns: Turns, leaf: string | null): Turn[] {
  const path: Turn[] = [];
  const seen = new Set<string>();
  for (let id = leaf; id !== null && !seen.has(id); ) {
    const turn = turns.get(id);
    if (!turn) break;
    seen.add(id);
    path.push(turn);
    id = turn.parent;
  }
  return path.reverse();
}

/** What turns have in common that stand in one place, of which one is shown. */
export function placeOf({ parent, role }: Turn): string {
  return `${role} ${parent ?? ""}`;
}

/** Oldest first. */
export function byAge(one: Turn, other: Turn): number {
  return one.created - other.created || (one.id < other.id ? -1 : 1);
}

/** The end of the newest branch behind `id`. */
export function leafBehind(turns: Turns, id: string): string {
  const seen = new Set<string>([id]);
  for (;;) {
    let newest: Turn | null = null;
    for (const turn of turns.values()) {
      if (turn.parent === id && !seen.has(turn.id) && (!newest || turn.created >= newest.created)) newest = turn;
    }
    if (!newest) return id;
    id = newest.id;
    seen.add(id);
  }
}
