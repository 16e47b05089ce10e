// The list of conversations. On a narrow page it lies over the conversation, and Escape takes it away.

import { useLayoutEffect, useRef } from "preact/hooks";
import type { Chat } from "../model/nouns";
import { exportAll, importFile } from "../state/exchange";
import { chats, find, listed, search, startNew } from "../state/library";
import { listIsOpen } from "../state/view";
import { type Key, t } from "../words";
import { IconButton } from "./Button";
import { ChatRow } from "./ChatRow";
import { Icon } from "./icons";
import { Menu } from "./Menu";

export function Sidebar() {
  const panel = useRef<HTMLElement>(null);
  const over = listIsOpen.value;
  useLayoutEffect(() => {
    if (over) panel.current?.querySelector<HTMLElement>(".close-list")?.focus();
  }, [over]);
  const leave = () => {
    listIsOpen.value = false;
    document.getElementById("open-list")?.focus();
  };
  const pinned = listed.value.filter((chat) => chat.pinned);
  const recent = listed.value.filter((chat) => !chat.pinned);
  return (
    <>
      {over && <div class="veil" onClick={leave} />}
      <nav
        ref={panel}
        class={over ? "side open" : "side"}
        id="side"
        aria-label={t("conversations")}
        onKeyDown={(event) => {
          if (event.key !== "Escape" || !over) return;
          event.preventDefault();
          leave();
        }}
      >
        <div class="row">
          <button
            type="button"
            class="new"
            id="new-chat"
            onClick={() => {
              startNew();
              listIsOpen.value = false;
            }}
          >
            <Icon name="plus" />
            {t("newChat")}
          </button>
          <IconButton icon="close" class="narrow close-list" label={t("closeList")} onClick={leave} />
        </div>
        <Search />
        <div class="chats">
          <Group title="pinned" chats={pinned} />
          <Group title="recent" chats={recent} />
          {listed.value.length === 0 && <p class="nothing">{t(search.value ? "nothingFound" : "noChats")}</p>}
        </div>
        <Exchange />
      </nav>
    </>
  );
}

function Search() {
  return (
    <label class="search">
      <Icon name="search" />
      <span class="unseen">{t("search")}</span>
      <input
        type="search"
        id="search"
        placeholder={t("search")}
        value={search.value}
        onInput={(event) => void find(event.currentTarget.value)}
      />
    </label>
  );
}

function Group({ title, chats: some }: { title: Key; chats: readonly Chat[] }) {
  if (some.length === 0) return null;
  return (
    <section>
      <h2>{t(title)}</h2>
      <ul>
        {some.map((chat) => (
          <ChatRow key={chat.id} chat={chat} />
        ))}
      </ul>
    </section>
  );
}

function Exchange() {
  const input = useRef<HTMLInputElement>(null);
  const actions = [
    { label: t("importAll"), run: () => input.current?.click() },
    ...(chats.value.length ? [{ label: t("exportAll"), run: () => void exportAll() }] : []),
  ];
  return (
    <div class="row end">
      <input
        ref={input}
        id="import"
        type="file"
        accept=".json,application/json"
        hidden
        onChange={(event) => {
          const file = event.currentTarget.files?.[0];
          event.currentTarget.value = "";
          if (file) void importFile(file);
        }}
      />
      <Menu label={t("more")} actions={actions} class="up" />
    </div>
  );
}
