// Line icons.

import { type IconName, SHAPES } from "./shapes";

export type { IconName };

/** Decoration only: whatever it is in has a name. */
export function Icon({ name, turns = false }: { name: IconName; turns?: boolean }) {
  return (
    <svg class={turns ? "icon turns" : "icon"} viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      <path d={SHAPES[name]} />
    </svg>
  );
}
