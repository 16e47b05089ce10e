// What stands in the way of asking: a model that is loading, a server that is gone, a key that is missing.

import { useState } from "preact/hooks";
import { useKey } from "../server/client";
import { shelfState } from "../state/library";
import { health, locked, ui, untilReady } from "../state/page";
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
  if (status === "ok" || locked.value) return null;
  const bad = status === "gone" || status === "failed";
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
  return (
    <form
      class="card"
      id="key-form"
      onSubmit={(event) => {
        event.preventDefault();
        useKey(key.trim());
        setKey("");
        locked.value = "wrong";
        void untilReady();
      }}
    >
      <label for="key">{t(locked.value === "wrong" ? "wrongKey" : "askKey")}</label>
      <div class="row">
        <input id="key" type="password" autocomplete="off" value={key} onInput={(event) => setKey(event.currentTarget.value)} />
        <button type="submit" class="primary">
          {t("unlock")}
        </button>
      </div>
    </form>
  );
}
