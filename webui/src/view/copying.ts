// Copying, also where the page is no secure context (another computer in the network) and has no clipboard of its own.

import { useState } from "preact/hooks";
import { announce } from "../state/view";
import { t } from "../words";

const SHOWN = 1600; // milliseconds

export async function copy(text: string): Promise<void> {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const box = document.createElement("textarea");
  box.value = text;
  box.className = "unseen";
  const dialog = document.querySelector("dialog[open]") ?? document.body;
  dialog.append(box);
  box.select();
  document.execCommand("copy");
  box.remove();
}

/** [whether it was just copied, what to do to copy]. */
export function useCopy(text: () => string): [boolean, () => void] {
  const [copied, setCopied] = useState(false);
  return [
    copied,
    () =>
      void copy(text()).then(() => {
        setCopied(true);
        announce(t("copied"));
        setTimeout(() => setCopied(false), SHOWN);
      }),
  ];
}
