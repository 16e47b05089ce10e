// The conversation: its end first, the rest while there is time; and whoever reads at the end stays there.

import { type ReadonlySignal, type Signal, computed, effect } from "@preact/signals";
import type { RefObject } from "preact";
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import type { Turn } from "../model/nouns";
import { isAnswering } from "../state/answering";
import type { Conversation } from "../state/conversation";
import { ready } from "../state/page";
import { t } from "../words";
import { Answer } from "./Answer";
import { IconButton } from "./Button";
import { Question } from "./Question";

const AT_ONCE = 4; // turns, and as many again until there is no more room in sight
const THEN = 4; // more of them with every pause
const NEAR = 60; // pixels that still count as the end

export function Log({ conversation, scroller }: { conversation: Conversation; scroller: RefObject<HTMLElement | null> }) {
  const path = conversation.path.value;
  const from = useGrowing(path.length, scroller);
  const { away, toEnd } = useEnd(conversation, scroller);
  const busy = useMemo(() => computed(() => !ready.value || isAnswering(conversation)), [conversation]);
  return (
    <div class="log" id="log">
      {path.slice(from).map((turn, index) => (
        <TurnView
          key={turn.peek().id}
          conversation={conversation}
          turn={turn}
          busy={busy}
          last={from + index === path.length - 1}
        />
      ))}
      {away && <IconButton icon="down" label={t("toEnd")} class="to-end" onClick={toEnd} />}
    </div>
  );
}

interface TurnProps {
  conversation: Conversation;
  turn: Signal<Turn>;
  /** Nothing may be asked just now. Buttons take it as it is, so that no turn is drawn again for it. */
  busy: ReadonlySignal<boolean>;
  last: boolean;
}

function TurnView({ conversation, turn, busy, last }: TurnProps) {
  const { role, state } = turn.value;
  return (
    <article class={`turn ${role}${last ? " last" : ""}`} aria-busy={state === "running"} data-state={state}>
      <h2 class="unseen">{t(role === "user" ? "you" : "assistant")}</h2>
      {role === "user" ? (
        <Question conversation={conversation} turn={turn.value} busy={busy} />
      ) : (
        <Answer conversation={conversation} turn={turn.value} busy={busy} last={last} />
      )}
    </article>
  );
}

/** The first turn to show: those in sight at first, all in the end. What was shown once stays. */
function useGrowing(all: number, scroller: RefObject<HTMLElement | null>): number {
  const [known, setFrom] = useState(() => all - AT_ONCE);
  const from = Math.max(0, Math.min(known, all - AT_ONCE));
  useLayoutEffect(() => {
    const area = scroller.current;
    if (from > 0 && area && area.scrollHeight <= area.clientHeight) setFrom(from - AT_ONCE);
  }, [from]);
  useEffect(() => {
    if (from === 0) return;
    const pause = "requestIdleCallback" in window ? requestIdleCallback : (run: () => void) => setTimeout(run, 30);
    const cancel = "cancelIdleCallback" in window ? cancelIdleCallback : clearTimeout;
    const handle = pause(() => setFrom(from - THEN)) as number;
    return () => cancel(handle);
  }, [from]);
  useEffect(() => {
    const showAll = () => setFrom(0);
    addEventListener("beforeprint", showAll);
    return () => removeEventListener("beforeprint", showAll);
  }, []);
  return from;
}

/** Follows the end while the reader is there; `away` once they went elsewhere. */
function useEnd(conversation: Conversation, scroller: RefObject<HTMLElement | null>) {
  const [away, setAway] = useState(false);
  const following = useRef(true);
  const toEnd = () => {
    const area = scroller.current;
    if (area) area.scrollTop = area.scrollHeight;
  };
  useLayoutEffect(() => {
    following.current = true;
    toEnd();
  }, [conversation]);
  useEffect(() => {
    const area = scroller.current;
    const log = area?.querySelector(".log");
    if (!area || !log) return;
    const watch = () => {
      following.current = area.scrollHeight - area.scrollTop - area.clientHeight < NEAR;
      setAway(!following.current);
    };
    const grown = new ResizeObserver(() => following.current && toEnd());
    grown.observe(log);
    area.addEventListener("scroll", watch, { passive: true });
    const count = computed(() => conversation.path.value.length);
    let known = count.peek();
    const asked = effect(() => {
      if (count.value > known) following.current = true; // something was said: look there
      known = count.value;
    });
    return () => {
      grown.disconnect();
      area.removeEventListener("scroll", watch);
      asked();
    };
  }, [conversation]);
  return { away, toEnd };
}
