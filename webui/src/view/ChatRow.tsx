// One conversation in the list.

import { useLayoutEffect, useRef, useState } from "preact/hooks";
import type { Chat } from "../model/nouns";
import { waiting } from "../state/answering";
import { exportChats, exportText } from "../state/exchange";
import { describe, open, openChat, remove } from "../state/library";
import { listIsOpen } from "../state/view";
import { t } from "../words";
import { Menu } from "./Menu";

export function ChatRow({ chat }: { chat: Chat }) {
  const [state, setState] = useState<"" | "naming" | "removing">("");
  const row = useRef<HTMLLIElement>(null);
  const back = useRef(false);
  useLayoutEffect(() => {
    if (back.current && !state) row.current?.querySelector<HTMLElement>(".menu button")?.focus();
    back.current = state !== "";
  }, [state]);
  const title = chat.title || t("untitled");
  const current = open.value.chat.value.id === chat.id;
  const leave = () => setState("");
  if (state === "naming") return <li>{<Naming chat={chat} onLeave={leave} />}</li>;
  if (state === "removing") return <li>{<Removing chat={chat} title={title} onLeave={leave} />}</li>;
  const actions = [
    { label: t("rename"), run: () => setState("naming") },
    { label: t(chat.pinned ? "unpin" : "pin"), run: () => void describe(chat, { pinned: !chat.pinned }) },
    { label: t("exportText"), run: () => void exportText(chat) },
    { label: t("exportOne"), run: () => void exportChats([chat]) },
    { label: t("remove"), run: () => setState("removing"), danger: true },
  ];
  return (
    <li class={current ? "chat current" : "chat"} ref={row}>
      <button
        type="button"
        class="open"
        dir="auto"
        aria-current={current ? "page" : undefined}
        onClick={() => {
          void openChat(chat);
          listIsOpen.value = false;
        }}
      >
        {title}
        {waiting.value.has(chat.id) && <span class="busy" aria-hidden="true" />}
      </button>
      <Menu label={t("actionsFor", { title })} actions={actions} />
    </li>
  );
}

function Naming({ chat, onLeave }: { chat: Chat; onLeave: () => void }) {
  const input = useRef<HTMLInputElement>(null);
  useLayoutEffect(() => input.current?.select(), []);
  const save = () => {
    const title = input.current?.value.trim();
    if (title) void describe(chat, { title, named: true });
    onLeave();
  };
  return (
    <form
      class="naming"
      onSubmit={(event) => {
        event.preventDefault();
        save();
      }}
      onKeyDown={(event) => {
        if (event.key !== "Escape") return;
        event.preventDefault();
        event.stopPropagation();
        onLeave();
      }}
    >
      <input ref={input} dir="auto" aria-label={t("newName")} defaultValue={chat.title} maxLength={200} />
      <button type="submit" class="plain">
        {t("save")}
      </button>
    </form>
  );
}

function Removing({ chat, title, onLeave }: { chat: Chat; title: string; onLeave: () => void }) {
  const keep = useRef<HTMLButtonElement>(null);
  useLayoutEffect(() => keep.current?.focus(), []);
  return (
    <div class="removing" role="alertdialog" aria-label={t("remove")}>
      <p>{t("removeSure", { title })}</p>
      <div class="row end">
        <button type="button" class="plain" ref={keep} onClick={onLeave}>
          {t("cancel")}
        </button>
        <button type="button" class="danger" onClick={() => void remove(chat)}>
          {t("remove")}
        </button>
      </div>
    </div>
  );
}
