// What is open on the page, and what it says to those who listen to it.

import { signal } from "@preact/signals";

export type DialogName = "settings" | "about" | "developer" | "join";

export const dialog = signal<DialogName | null>(null);
export const listIsOpen = signal(false); // where the list lies over the page: on a narrow one
/** Read out by screen readers. */
export const announcement = signal("");
/** A sentence that shows for a while. */
export const notice = signal("");

let timer = 0;

export function announce(sentence: string): void {
  announcement.value = sentence;
}

export function notify(sentence: string): void {
  notice.value = sentence;
  announce(sentence);
  clearTimeout(timer);
  timer = window.setTimeout(() => (notice.value = ""), 7000);
}
