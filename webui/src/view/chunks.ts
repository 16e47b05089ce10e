// What most conversations do not need is loaded when one does. A chunk that cannot be loaded is done without.

import { type Signal, signal } from "@preact/signals";
import { useEffect } from "preact/hooks";

const LOADERS = {
  colours: () => import("../text/colours"),
  formulas: () => import("../text/formulas"),
} as const;

type Name = keyof typeof LOADERS;
type Chunk<N extends Name> = Awaited<ReturnType<(typeof LOADERS)[N]>>;

const loaded: Partial<Record<Name, Signal<unknown>>> = {};

/** The chunk, or null until it is there. */
export function useChunk<N extends Name>(name: N, wanted: boolean): Chunk<N> | null {
  const place = (loaded[name] ??= signal<unknown>(null)) as Signal<Chunk<N> | Promise<unknown> | null>;
  useEffect(() => {
    if (!wanted || place.peek()) return;
    const loading = LOADERS[name]() as Promise<Chunk<N>>;
    place.value = loading;
    loading.then(
      (chunk) => (place.value = chunk),
      () => (place.value = null),
    );
  }, [wanted]);
  const found = place.value;
  return wanted && found && !(found instanceof Promise) ? (found as Chunk<N>) : null;
}
