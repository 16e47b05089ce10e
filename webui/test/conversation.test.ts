import { effect } from "@preact/signals";
import { describe, expect, test } from "vitest";
import { type Turn, newChat, newTurn } from "../src/model/nouns";
import { Conversation } from "../src/state/conversation";

/** Questions and answers in turn, each behind the one before. */
function talk(turns: number): Turn[] {
  const said: Turn[] = [];
  for (let index = 0; index < turns; index++) {
    said.push({ ...newTurn("chat", said.at(-1)?.id ?? null, index % 2 ? "assistant" : "user", `${index}`), created: index });
  }
  return said;
}

describe("of a long conversation", () => {
  test("a turn at its end concerns no other turn", () => {
    const said = talk(500);
    const conversation = new Conversation({ ...newChat(), leaf: said.at(-1)!.id }, said);
    let looked = 0;
    for (const turn of said) {
      effect(() => {
        conversation.versions(turn);
        looked++;
      });
    }
    expect(looked).toBe(500);
    conversation.add(newTurn("chat", said.at(-1)!.id, "user", "and now?"));
    expect(looked).toBe(500);
    expect(conversation.path.value).toHaveLength(501);
  });

  test("an answer given again concerns those in its place, the oldest first", () => {
    const said = talk(4);
    const conversation = new Conversation({ ...newChat(), leaf: said[3]!.id }, said);
    const [question, , , answer] = said as [Turn, Turn, Turn, Turn];
    const seen: (readonly string[])[] = [];
    effect(() => void seen.push(conversation.versions(answer)));
    const again = { ...newTurn("chat", answer.parent, "assistant", "other"), created: 9 };
    conversation.add(again);
    conversation.add({ ...newTurn("chat", null, "user", "a new beginning"), created: 10 });
    const older = { ...newTurn("chat", answer.parent, "assistant", "from another tab"), created: 2 };
    conversation.replace(conversation.chat.value, [older]);
    expect(seen).toEqual([[answer.id], [answer.id, again.id], [older.id, answer.id, again.id]]);
    expect(conversation.versions(question)).toHaveLength(2);
  });
});
