// What was asked, and its editing, which begins a new branch.

import { useLayoutEffect, useRef, useState } from "preact/hooks";
import type { Turn } from "../model/nouns";
import { edit } from "../state/answering";
import type { Conversation } from "../state/conversation";
import { t } from "../words";
import { IconButton } from "./Button";
import { useCopy } from "./copying";
import { Icon } from "./icons";
import { toPrompt } from "./prompt";
import { Versions } from "./Versions";

interface Props {
  conversation: Conversation;
  turn: Turn;
  idle: boolean;
}

export function Question({ conversation, turn, idle }: Props) {
  const [editing, setEditing] = useState(false);
  const [copied, copyIt] = useCopy(() => turn.content);
  const pen = useRef<HTMLButtonElement>(null);
  const back = useRef(false);
  useLayoutEffect(() => {
    if (back.current && !editing) pen.current?.focus();
    back.current = editing;
  }, [editing]);
  if (editing) {
    const send = (words: string) => {
      setEditing(false);
      edit(conversation, turn, words);
      toPrompt(); // the question with the pen is no longer shown
    };
    return <Editor turn={turn} onLeave={() => setEditing(false)} onSend={send} />;
  }
  return (
    <>
      <div class="bubble">
        {turn.attachments.map((file) => (
          <span class="file" key={file.name}>
            <Icon name="file" />
            {file.name}
          </span>
        ))}
        {turn.content && <p dir="auto">{turn.content}</p>}
      </div>
      <div class="tools">
        <Versions conversation={conversation} turn={turn} idle={idle} />
        <IconButton icon={copied ? "done" : "copy"} label={t(copied ? "copied" : "copy")} onClick={copyIt} />
        <IconButton icon="pen" label={t("edit")} disabled={!idle} innerRef={pen} onClick={() => setEditing(true)} />
      </div>
    </>
  );
}

interface EditorProps {
  turn: Turn;
  onLeave: () => void;
  onSend: (words: string) => void;
}

function Editor({ turn, onLeave, onSend }: EditorProps) {
  const box = useRef<HTMLTextAreaElement>(null);
  const [words, setWords] = useState(turn.content);
  useLayoutEffect(() => {
    box.current?.focus();
    box.current?.setSelectionRange(words.length, words.length);
  }, []);
  const send = () => words.trim() && onSend(words.trim());
  return (
    <form
      class="editor"
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
    >
      <textarea
        ref={box}
        dir="auto"
        rows={Math.min(12, words.split("\n").length + 1)}
        aria-label={t("editMessage")}
        value={words}
        onInput={(event) => setWords(event.currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key === "Escape") onLeave();
          else if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) send();
          else return;
          event.stopPropagation();
        }}
      />
      <div class="row end">
        <button type="button" class="plain" onClick={onLeave}>
          {t("cancel")}
        </button>
        <button type="submit" class="primary" disabled={!words.trim()}>
          {t("sendAgain")}
        </button>
      </div>
    </form>
  );
}
