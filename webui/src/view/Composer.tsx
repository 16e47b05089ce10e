// Where questions are written.

import type { RefObject } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import { isAnswering, mayAsk, say, stop } from "../state/answering";
import { files, words } from "../state/draft";
import { open } from "../state/library";
import { t } from "../words";
import { Files, useDrop, useFiles } from "./Files";
import { IconButton } from "./Button";
import { Icon } from "./icons";
import { toPrompt } from "./prompt";

export function Composer({ box }: { box: RefObject<HTMLTextAreaElement | null> }) {
  const take = useFiles(files);
  const dropping = useDrop(take);
  const conversation = open.value;
  const answering = isAnswering(conversation);
  const empty = !words.value.trim() && files.value.length === 0;
  const send = () => {
    if (empty || !mayAsk()) return;
    say(conversation, words.value.trim(), files.value);
    words.value = "";
    files.value = [];
    box.current?.focus();
  };
  useFocus(conversation.id);
  useHeight(box, words.value);

  return (
    <form
      class="composer"
      id="composer"
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
    >
      {dropping && <p class="card">{t("dropHere")}</p>}
      <Files files={files} />
      <div class="field">
        <Attach onFiles={take} />
        <textarea
          id="prompt"
          ref={box}
          rows={1}
          dir="auto"
          aria-label={t("message")}
          aria-describedby="hint"
          placeholder={t("placeholder")}
          value={words.value}
          onInput={(event) => (words.value = event.currentTarget.value)}
          onPaste={(event) => {
            const pasted = [...(event.clipboardData?.files ?? [])];
            if (pasted.length === 0) return;
            event.preventDefault();
            take(pasted);
          }}
          onKeyDown={(event) => {
            if (event.key === "Escape" && answering) stop(conversation);
            if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229) return;
            event.preventDefault();
            send();
          }}
        />
        {answering ? (
          <IconButton id="stop" icon="stop" label={t("stop")} class="round" onClick={() => stop(conversation)} />
        ) : (
          <button id="send" type="submit" class="icon-button round" aria-label={t("send")} title={t("send")} disabled={empty || !mayAsk()}>
            <Icon name="send" />
          </button>
        )}
      </div>
      <p id="hint" class="unseen">
        {t("hint")}
      </p>
    </form>
  );
}

function Attach({ onFiles }: { onFiles: (files: File[]) => void }) {
  const input = useRef<HTMLInputElement>(null);
  return (
    <>
      <input
        ref={input}
        type="file"
        id="files"
        multiple
        hidden
        onChange={(event) => {
          onFiles([...(event.currentTarget.files ?? [])]);
          event.currentTarget.value = "";
        }}
      />
      <IconButton icon="clip" label={t("attach")} onClick={() => input.current?.click()} />
    </>
  );
}

/** Whoever opens a conversation may write in it; who writes elsewhere, a search or a name, is left there. */
function useFocus(conversation: string): void {
  useLayoutEffect(() => {
    if (!document.querySelector("dialog[open], input:focus")) toPrompt();
  }, [conversation]);
}

function useHeight(box: RefObject<HTMLTextAreaElement | null>, words: string): void {
  useLayoutEffect(() => {
    const area = box.current;
    if (!area) return;
    area.style.height = "auto";
    area.style.height = `${area.scrollHeight}px`;
  }, [words]);
}
