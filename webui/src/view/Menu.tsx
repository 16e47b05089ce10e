// A button with a list of actions behind it. Arrow keys walk through it, Escape leaves it.

import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { IconButton } from "./Button";
import type { IconName } from "./icons";

export interface Action {
  label: string;
  run: () => void;
  danger?: boolean;
}

interface Props {
  label: string;
  actions: readonly Action[];
  icon?: IconName;
  class?: string;
}

export function Menu({ label, actions, icon = "more", class: kind = "" }: Props) {
  const [open, setOpen] = useState(false);
  const root = useRef<HTMLDivElement>(null);
  const button = useRef<HTMLButtonElement>(null);

  useLayoutEffect(() => {
    if (open) items(root.current)[0]?.focus();
  }, [open]);
  useEffect(() => {
    if (!open) return;
    const outside = (event: Event) => {
      if (!root.current?.contains(event.target as Node)) setOpen(false);
    };
    document.addEventListener("pointerdown", outside);
    document.addEventListener("focusin", outside);
    return () => {
      document.removeEventListener("pointerdown", outside);
      document.removeEventListener("focusin", outside);
    };
  }, [open]);

  const leave = () => {
    setOpen(false);
    button.current?.focus();
  };
  const walk = (event: KeyboardEvent) => {
    const all = items(root.current);
    const at = all.indexOf(document.activeElement as HTMLButtonElement);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: all.length - 1 }[event.key];
    if (event.key === "Escape" && open) leave();
    else if (to !== undefined && open) all[(to + all.length) % all.length]?.focus();
    else return;
    event.preventDefault();
    event.stopPropagation();
  };

  return (
    <div class={`menu ${kind}`} ref={root} onKeyDown={walk}>
      <IconButton icon={icon} label={label} innerRef={button} expanded={open} onClick={() => setOpen(!open)} />
      {open && (
        <ul class="menu-list">
          {actions.map((action) => (
            <li key={action.label}>
              <button
                type="button"
                class={action.danger ? "danger" : ""}
                onClick={() => {
                  leave();
                  action.run();
                }}
              >
                {action.label}
              </button>
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}

function items(root: HTMLElement | null): HTMLButtonElement[] {
  return [...(root?.querySelectorAll<HTMLButtonElement>(".menu-list button") ?? [])];
}
