// The page: the list of conversations beside the one that is open.

import { useEffect, useRef } from "preact/hooks";
import { isAnswering, rejoin, stop } from "../state/answering";
import { untilVerified } from "../state/checking";
import { open, opened } from "../state/library";
import { locked } from "../state/page";
import { announce, announcement, dialog } from "../state/view";
import { t } from "../words";
import { Composer } from "./Composer";
import { Dialogs } from "./Dialogs";
import { Header } from "./Header";
import { Log } from "./Log";
import { KeyForm, Notices } from "./Notices";
import { Sidebar } from "./Sidebar";
import { Welcome } from "./Welcome";

export function App() {
  const scroller = useRef<HTMLElement>(null);
  const box = useRef<HTMLTextAreaElement>(null);
  const conversation = open.value;
  const empty = conversation.path.value.length === 0;
  const greeted = opened.value || !location.hash; // a conversation that is named will come
  useEffect(() => {
    rejoin(conversation);
    void untilVerified(conversation);
  }, [conversation]);
  useSpokenState();
  useEscape();
  return (
    <>
      <a
        class="skip"
        href="#prompt"
        onClick={(event) => {
          event.preventDefault();
          box.current?.focus();
        }}
      >
        {t("skip")}
      </a>
      <Sidebar />
      <div class="page">
        <Header />
        <main ref={scroller} class={empty ? "scroll empty" : "scroll"}>
          {empty ? greeted && <Welcome /> : <Log key={conversation.id} conversation={conversation} scroller={scroller} />}
        </main>
        <footer class="foot">
          <Notices />
          {locked.value ? <KeyForm /> : <Composer box={box} />}
          <Place />
        </footer>
      </div>
      <Dialogs />
      <p class="unseen" role="status" id="status">
        {announcement.value}
      </p>
    </>
  );
}

/** Where what is written goes. */
function Place() {
  const host = location.hostname;
  const here = ["localhost", "127.0.0.1", "[::1]"].includes(host) || host.endsWith(".localhost");
  return <p class="place" id="place">{here ? t("privacyHere") : t("privacyThere", { host })}</p>;
}

/** Screen readers hear that an answer begins and ends, not every word of it. */
function useSpokenState(): void {
  const answering = isAnswering(open.value);
  const before = useRef(answering);
  useEffect(() => {
    if (before.current !== answering) announce(t(answering ? "answering" : "answered"));
    before.current = answering;
  }, [answering]);
}

function useEscape(): void {
  useEffect(() => {
    const listen = (event: KeyboardEvent) => {
      if (event.key === "Escape" && !event.defaultPrevented && !dialog.peek()) stop(open.peek());
    };
    document.addEventListener("keydown", listen);
    return () => document.removeEventListener("keydown", listen);
  }, []);
}
