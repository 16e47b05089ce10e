// How often a growing answer is drawn: with every frame, or less often where drawing takes long.

const REST = 3; // times as long as the last drawing took

let cost = 0;
let drawn = 0;

/** Drawing a piece of the answer took this long. */
export function took(milliseconds: number): void {
  cost = milliseconds;
  drawn = performance.now();
}

/** Runs `draw` with the next frame that leaves the page time for its user; without frames, where nobody looks, soon. */
export function soon(draw: () => void): void {
  const wait = drawn + cost * REST - performance.now();
  if (document.hidden) setTimeout(draw, 250);
  else if (cost > 8 && wait > 0) setTimeout(() => requestAnimationFrame(draw), wait);
  else requestAnimationFrame(draw);
}
