// Answers given before the model's bytes were all checked are marked; once they were, the marks go.

import { health as askHealth } from "../server/about";
import type { Conversation } from "./conversation";
import { keep } from "./library";

const POLL = 2000; // milliseconds

const watched = new Set<string>();

/** Waits for the check where an answer waits for it. Where the server is gone, what it said stays marked. */
export async function untilVerified(conversation: Conversation): Promise<void> {
  const marked = () => [...conversation.turns().values()].filter((turn) => turn.unverified);
  if (watched.has(conversation.id) || marked().length === 0) return;
  watched.add(conversation.id);
  let known = (await askHealth()).model_verified;
  while (known === "pending") {
    await new Promise((resolve) => setTimeout(resolve, POLL));
    known = (await askHealth()).model_verified;
  }
  watched.delete(conversation.id);
  if (known !== "yes") return;
  for (const turn of marked()) conversation.change(turn.id, { unverified: false });
  await keep(conversation, [...conversation.turns().values()]);
}
