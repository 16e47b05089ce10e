// A button that is only an icon has a name all the same, as label and as tooltip.

import type { ReadonlySignal } from "@preact/signals";
import type { ComponentChildren, Ref } from "preact";
import { Icon, type IconName } from "./icons";

interface Props {
  icon: IconName;
  label: string;
  onClick?: (event: MouseEvent) => void;
  class?: string;
  disabled?: boolean | ReadonlySignal<boolean>;
  expanded?: boolean;
  turns?: boolean;
  innerRef?: Ref<HTMLButtonElement>;
  id?: string;
  children?: ComponentChildren;
}

export function IconButton({ icon, label, class: kind = "", disabled = false, turns = false, ...props }: Props) {
  return (
    <button
      id={props.id}
      ref={props.innerRef ?? null}
      type="button"
      class={`icon-button ${kind}`}
      aria-label={label}
      title={label}
      aria-expanded={props.expanded}
      disabled={disabled}
      onClick={props.onClick}
    >
      <Icon name={icon} turns={turns} />
      {props.children}
    </button>
  );
}
