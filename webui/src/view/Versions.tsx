// Where a turn has others in its place: which one this is, and the way to them.

import type { ReadonlySignal } from "@preact/signals";
import type { Turn } from "../model/nouns";
import type { Conversation } from "../state/conversation";
import { keep } from "../state/library";
import { number, t } from "../words";
import { IconButton } from "./Button";

export function Versions({ conversation, turn, busy }: { conversation: Conversation; turn: Turn; busy: ReadonlySignal<boolean> }) {
  const all = conversation.versions(turn);
  if (all.length < 2) return null;
  const at = all.indexOf(turn.id);
  const go = (to: number) => {
    conversation.show(all[to]!);
    void keep(conversation);
  };
  const label = t("version", { n: number(at + 1), all: number(all.length) });
  return (
    <span class="versions" role="group" aria-label={label}>
      <IconButton icon="back" turns label={t("earlier")} disabled={busy.value || at === 0} onClick={() => go(at - 1)} />
      <span aria-hidden="true">
        {number(at + 1)}/{number(all.length)}
      </span>
      <IconButton
        icon="next"
        turns
        label={t("later")}
        disabled={busy.value || at === all.length - 1}
        onClick={() => go(at + 1)}
      />
    </span>
  );
}
