// The field where questions are written, for those who lead back to it.

/** Where there is a keyboard, writing may go on there at once; elsewhere one would rise over the page. */
export function toPrompt(): void {
  if (matchMedia("(pointer: fine)").matches) document.getElementById("prompt")?.focus({ preventScroll: true });
}
