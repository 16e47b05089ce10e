// What went wrong with an answer: a sentence, and a button that helps.

import type { Problem, Turn } from "../model/nouns";
import { retry } from "../state/answering";
import type { Conversation } from "../state/conversation";
import { startNew } from "../state/library";
import { ready } from "../state/page";
import { type Key, t } from "../words";

interface Props {
  conversation: Conversation;
  turn: Turn;
  problem: Problem;
  last: boolean;
}

export function Trouble({ conversation, turn, problem, last }: Props) {
  const full = problem.code === "context_length_exceeded";
  const final = problem.code === "model_damaged";
  return (
    <div class="problem" role="alert">
      <p>{t(sentence(problem))}</p>
      {full && <p>{t("fullHelp")}</p>}
      {problem.detail && <p class="detail">{problem.detail}</p>}
      {last && !final && (
        <button
          type="button"
          class="primary"
          disabled={!full && !ready.value}
          onClick={() => (full ? startNew() : retry(conversation, turn))}
        >
          {t(full ? "newChat" : "tryAgain")}
        </button>
      )}
    </div>
  );
}

function sentence({ code, status }: Problem): Key {
  if (code === "context_length_exceeded") return "full";
  if (code === "engine_restarted" || (code === "engine_unavailable" && status !== 503)) return "died";
  if (code === "broken" || code === "stopped" || code === "not_found") return "broken";
  if (code === "model_damaged") return "damaged";
  if (code === "page") return "pageProblem";
  if (status === 429 || code === "busy") return "busy";
  if (status === 0) return "gone";
  if (status === 503) return code === "engine_failed" ? "failed" : "loading";
  return "refused";
}
