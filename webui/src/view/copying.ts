// Copying, also where the page is no secure context (another computer in the network) and has no clipboard of its own.

import { useState } from "preact/hooks";
import { announce, notify } from "../state/view";
import { t } from "../words";

const SHOWN = 1600; // milliseconds

/** Whether the text is in the clipboard now. */
export async function copy(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text); // there is none, or it is forbidden
    return true;
  } catch {
    return copyBySelecting(text);
  }
}

/** The old way: it copies what is selected, so something is, for a moment. */
function copyBySelecting(text: string): boolean {
  const before = document.activeElement as HTMLElement | null;
  const box = document.createElement("textarea");
  box.value = text;
  box.className = "unseen";
  const place = document.querySelector("dialog[open]") ?? document.body; // what is behind a dialog cannot be selected
  place.append(box);
  box.select();
  const done = document.execCommand("copy");
  box.remove();
  before?.focus({ preventScroll: true });
  return done;
}

/** [whether it was just copied, what to do to copy]. */
export function useCopy(text: () => string): [boolean, () => void] {
  const [copied, setCopied] = useState(false);
  return [
    copied,
    () =>
      void copy(text()).then((done) => {
        if (!done) return notify(t("notCopied"));
        setCopied(true);
        announce(t("copied"));
        setTimeout(() => setCopied(false), SHOWN);
      }),
  ];
}
