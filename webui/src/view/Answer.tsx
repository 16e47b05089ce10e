// An answer: thoughts, words, tool calls, what went wrong, and what may be done with it.

import type { Turn } from "../model/nouns";
import { type Waiting, proceed, regenerate, waiting } from "../state/answering";
import type { Conversation } from "../state/conversation";
import { health, settings } from "../state/page";
import { number, t } from "../words";
import { IconButton } from "./Button";
import { useCopy } from "./copying";
import { Icon } from "./icons";
import { Prose } from "./Prose";
import { ToolCall, ToolResults } from "./ToolCall";
import { Trouble } from "./Trouble";
import { Versions } from "./Versions";

interface Props {
  conversation: Conversation;
  turn: Turn;
  idle: boolean;
  last: boolean;
}

export function Answer({ conversation, turn, idle, last }: Props) {
  const running = turn.state === "running";
  return (
    <>
      {turn.reasoning && <Thoughts text={turn.reasoning} growing={running && !turn.content} />}
      {turn.content && <Prose text={turn.content} growing={running} />}
      {turn.calls.map((call, index) => (
        <ToolCall call={call} key={index} />
      ))}
      {turn.calls.length > 0 && turn.state === "done" && last && (
        <ToolResults conversation={conversation} turn={turn} idle={idle} />
      )}
      {running && <Progress conversation={conversation} empty={!turn.content && !turn.reasoning && !turn.calls.length} />}
      {turn.state === "stopped" && <p class="note">{t("stopped")}</p>}
      {turn.state === "cut" && <p class="note">{t("cut")}</p>}
      {turn.state === "lost" && <p class="note">{t("lost")}</p>}
      {turn.unverified && <p class="note unverified">{t("unverified")}</p>}
      {turn.problem && <Trouble conversation={conversation} turn={turn} problem={turn.problem} last={last} />}
      {!running && <Tools conversation={conversation} turn={turn} idle={idle} last={last} />}
    </>
  );
}

function Thoughts({ text, growing }: { text: string; growing: boolean }) {
  return (
    <details class={growing ? "thoughts growing" : "thoughts"}>
      <summary>{t(growing ? "thinking" : "thoughts")}</summary>
      <Prose text={text} growing={growing} />
    </details>
  );
}

/** What the model is at while no new word comes. */
function Progress({ conversation, empty }: { conversation: Conversation; empty: boolean }) {
  const state = waiting.value.get(conversation.id);
  const sentence = state ? told(state, empty) : "";
  if (!sentence && !empty) return null;
  const { processed = 0, total = 0 } = state?.progress ?? {};
  return (
    <p class="progress">
      <span class="dots" aria-hidden="true">
        <i />
        <i />
        <i />
      </span>
      {sentence && <span>{sentence}</span>}
      {empty && total > 0 && <progress max={total} value={processed} aria-label={sentence} />}
    </p>
  );
}

function told({ progress, connected }: Waiting, empty: boolean): string {
  if (!connected) return t("reconnecting");
  if (health.value.status === "restarting") return t("restartingAnswer");
  if (!empty || !progress) return "";
  if (progress.place) return t("queued", { place: number(progress.place) });
  if (progress.processed) return t("reading", { done: number(progress.processed), all: number(progress.total ?? 0) });
  return progress.total ? t("readingAll", { all: number(progress.total) }) : "";
}

function Tools({ conversation, turn, idle, last }: Props) {
  const [copied, copyIt] = useCopy(() => turn.content);
  const { stats } = turn;
  const mayProceed = last && ["stopped", "cut", "lost"].includes(turn.state) && (turn.content || turn.reasoning);
  return (
    <div class="tools">
      <Versions conversation={conversation} turn={turn} idle={idle} />
      {turn.content && (
        <IconButton icon={copied ? "done" : "copy"} label={t(copied ? "copied" : "copy")} onClick={copyIt} />
      )}
      <IconButton
        icon="again"
        label={t("regenerate")}
        disabled={!idle}
        onClick={() => regenerate(conversation, turn)}
      />
      {mayProceed && (
        <button type="button" class="plain" disabled={!idle} onClick={() => proceed(conversation, turn)}>
          <Icon name="on" turns />
          {t("proceed")}
        </button>
      )}
      {settings.value.speed && stats && (
        <span class="speed">
          {t("speed", {
            speed: number(stats.perSecond, 1),
            answer: number(stats.answer),
            prompt: number(stats.prompt),
            cached: number(stats.cached),
          })}
        </span>
      )}
    </div>
  );
}
