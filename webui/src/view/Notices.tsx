// What stands in the way of asking: a model that is loading, a server that is gone, a key that is missing.

import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { shelfState } from "../state/library";
import { health, locked, tryKey, ui, untilReady } from "../state/page";
import { notice } from "../state/view";
import { type Key, number, t } from "../words";

export function Notices() {
  return (
    <div class="notices">
      <ServerNotice />
      <ShelfNotice />
      {notice.value && (
        <p class="card" id="notice">
          {notice.value}
        </p>
      )}
      {ui.value.chat_template === "fallback" && <p class="card">{t("noTemplate")}</p>}
    </div>
  );
}

function ServerNotice() {
  const { status, progress = 0, detail } = health.value;
  const bad = status === "gone" || status === "failed";
  if (status === "ok" || (locked.value && !bad)) return null;
  const known = status === "loading" && progress > 0;
  const sentence = known ? t("loadingPart", { part: number(progress * 100) }) : t(status);
  return (
    <div class={bad ? "card bad" : "card"} id="loading" role={bad ? "alert" : "status"}>
      <p id="loading-label">{sentence}</p>
      {status === "gone" && <p>{t("goneHelp")}</p>}
      {detail && <p class="detail">{detail}</p>}
      {!bad && <progress aria-label={sentence} value={known ? progress : undefined} />}
      {bad && (
        <button type="button" class="primary" onClick={() => void untilReady()}>
          {t("tryAgain")}
        </button>
      )}
    </div>
  );
}

function ShelfNotice() {
  const sentences: Record<string, Key> = { forgetful: "forgetful", full: "shelfFull", outdated: "outdated" };
  const sentence = sentences[shelfState.value];
  if (!sentence) return null;
  return (
    <div class="card" role="status" id="shelf">
      <p>{t(sentence)}</p>
      {shelfState.value === "outdated" && (
        <button type="button" class="primary" onClick={() => location.reload()}>
          {t("reload")}
        </button>
      )}
    </div>
  );
}

/** The server lets in who has its key. */
export function KeyForm() {
  const [key, setKey] = useState("");
  const input = useRef<HTMLInputElement>(null);
  const trying = locked.value === "trying";
  const wrong = locked.value === "wrong";
  useLayoutEffect(() => {
    if (wrong) input.current?.select(); // to be typed anew
  }, [wrong]);
  return (
    <form
      class="card"
      id="key-form"
      onSubmit={(event) => {
        event.preventDefault();
        if (key.trim() && !trying) void tryKey(key.trim());
      }}
    >
      <label for="key" aria-live="polite">
        {t(wrong ? "wrongKey" : "askKey")}
      </label>
      <div class="row">
        <input
          id="key"
          ref={input}
          type="password"
          autocomplete="off"
          aria-invalid={wrong}
          readOnly={trying}
          value={key}
          onInput={(event) => setKey(event.currentTarget.value)}
        />
        <button type="submit" class="primary" disabled={trying} aria-busy={trying}>
          {t(trying ? "tryingKey" : "unlock")}
        </button>
      </div>
    </form>
  );
}
