// Asking, and writing down what comes. An answer goes on while another conversation is looked at, and survives a reload.

import { signal } from "@preact/signals";
import { type Attachment, type Problem, type Turn, newTurn } from "../model/nouns";
import { body } from "../model/request";
import { pathTo } from "../model/tree";
import { type Delta, type Follower, type Progress, ask, giveUp, resume } from "../server/answer";
import { ServerError } from "../server/client";
import type { Conversation } from "./conversation";
import { untilVerified } from "./checking";
import { keep, keepLive, open, opened } from "./library";
import { soon } from "./pace";
import { glance, health, locked, ready, settings, system, ui, untilReady } from "./page";

const SAVE = 700; // milliseconds between two savings of a growing answer
const QUIET = 1500; // without a word for so long, we look after the server

/** What happens in a conversation that waits for its answer. */
export interface Waiting {
  controller: AbortController;
  progress: Progress | null;
  connected: boolean;
}

export const waiting = signal<ReadonlyMap<string, Waiting>>(new Map());

export function isAnswering(conversation: Conversation): boolean {
  return waiting.value.has(conversation.id);
}

/** Say something new at the end of the branch. */
export function say(conversation: Conversation, content: string, attachments: Attachment[] = []): void {
  askAfter(conversation, conversation.chat.peek().leaf, content, attachments);
}

/** Say it in other words: a new branch from there on. */
export function edit(conversation: Conversation, turn: Turn, content: string): void {
  askAfter(conversation, turn.parent, content, turn.attachments);
}

function askAfter(conversation: Conversation, parent: string | null, content: string, files: Attachment[]): void {
  if (isAnswering(conversation)) return;
  const question = { ...newTurn(conversation.id, parent, "user", content), attachments: files };
  conversation.add(question);
  void keep(conversation, [question]);
  void answer(conversation, question.id);
}

/** Answer the question again, beside the answer there is. */
export function regenerate(conversation: Conversation, turn: Turn): void {
  if (turn.parent && !isAnswering(conversation)) void answer(conversation, turn.parent);
}

/** Try a question again that got no answer. */
export function retry(conversation: Conversation, turn: Turn): void {
  if (turn.content || turn.reasoning) regenerate(conversation, turn);
  else void write(conversation, turn.id);
}

function answer(conversation: Conversation, question: string): Promise<void> {
  const turn = { ...newTurn(conversation.id, question, "assistant", ""), state: "running" as const };
  conversation.add(turn);
  return write(conversation, turn.id);
}

/** Tell the model what the tools gave that it asked for, in their order. */
export function giveResults(conversation: Conversation, turn: Turn, results: readonly string[]): void {
  if (isAnswering(conversation)) return;
  const calls = turn.calls.map((call, index) => ({ ...call, result: results[index] ?? "" }));
  conversation.change(turn.id, { calls });
  void keep(conversation, [conversation.turn(turn.id)!]);
  void answer(conversation, turn.id);
}

/** Let the model go on where this answer ends. */
export function proceed(conversation: Conversation, turn: Turn): void {
  if (!isAnswering(conversation)) void write(conversation, turn.id);
}

export function stop(conversation: Conversation): void {
  waiting.peek().get(conversation.id)?.controller.abort();
}

function write(conversation: Conversation, id: string): Promise<void> {
  const path = pathTo(conversation.turns(), id);
  const own = conversation.chat.peek().system;
  const prompt = ui.peek().system_prompt_locked ? system.peek() : (own ?? system.peek());
  const asked = { ...body(path, prompt, settings.peek(), ui.peek().settings), stream: true };
  conversation.change(id, { state: "running", problem: null, stream: null });
  return follow(conversation, id, (follower, signal) => ask(asked, follower, signal));
}

/** Go on with answers that were under way when the page was left. */
export function rejoin(conversation: Conversation): void {
  for (const turn of conversation.turns().values()) {
    if (turn.state !== "running" || isAnswering(conversation)) continue;
    if (turn.stream) {
      const key = { ...turn.stream };
      void follow(conversation, turn.id, (follower, signal) => resume(key, follower, signal));
    } else {
      conversation.change(turn.id, { state: "lost" });
    }
  }
}

async function follow(
  conversation: Conversation,
  id: string,
  begin: (follower: Follower, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const controller = new AbortController();
  note(conversation, { controller, progress: null, connected: true });
  keepLive(conversation, true);
  const writer = new Writer(conversation, id);
  try {
    await begin(writer, controller.signal);
    writer.finish({ state: writer.isCut ? "cut" : "done" });
  } catch (error) {
    if (controller.signal.aborted) {
      writer.finish({ state: "stopped" });
      if (writer.key) void giveUp(writer.key);
    } else writer.finish(failure(error));
    if (error instanceof ServerError) look(error);
  } finally {
    note(conversation, null);
    keepLive(conversation, false);
    await keep(conversation, [conversation.turn(id)!]);
    void untilVerified(conversation);
  }
}

/** Takes what comes and puts it into the turn with the next frame, and onto the shelf now and then. */
class Writer implements Follower {
  isCut = false;
  key: Turn["stream"] = null;
  readonly #conversation: Conversation;
  readonly #id: string;
  #new = { content: "", reasoning: "", at: "" };
  #due = false;
  #saved = Date.now();
  #quiet = 0;

  constructor(conversation: Conversation, id: string) {
    this.#conversation = conversation;
    this.#id = id;
    this.key = conversation.turn(id)?.stream ?? null;
    this.#listen();
  }

  found(key: NonNullable<Turn["stream"]>): void {
    this.key = { ...key };
    this.#conversation.change(this.#id, { stream: this.key });
    void keep(this.#conversation, [this.#turn]);
  }

  unverified(is: boolean): void {
    this.#conversation.change(this.#id, { unverified: is });
  }

  connected(is: boolean): void {
    const known = waiting.peek().get(this.#conversation.id);
    if (known && known.connected !== is) note(this.#conversation, { ...known, connected: is });
  }

  take(delta: Delta): void {
    this.#listen();
    if (delta.progress) this.#tellProgress(delta.progress);
    this.#new.content += delta.content ?? "";
    this.#new.reasoning += delta.reasoning ?? "";
    if (delta.at) this.#new.at = delta.at;
    if (delta.calls) this.#takeCalls(delta.calls);
    if (delta.finish === "length") this.isCut = true;
    if (delta.timings) {
      const { cache_n, prompt_n, predicted_n, predicted_per_second } = delta.timings;
      this.#conversation.change(this.#id, {
        stats: { prompt: cache_n + prompt_n, cached: cache_n, answer: predicted_n, perSecond: predicted_per_second },
      });
    }
    if (this.#due) return;
    this.#due = true;
    soon(() => {
      this.#due = false;
      this.#flush();
    });
  }

  finish(patch: Partial<Turn>): void {
    clearTimeout(this.#quiet);
    this.#flush();
    this.#conversation.change(this.#id, { problem: null, ...patch, stream: null });
  }

  get #turn(): Turn {
    return this.#conversation.turn(this.#id)!;
  }

  #flush(): void {
    const { content, reasoning, at } = this.#new;
    if (!at && !content && !reasoning) return;
    this.#new = { content: "", reasoning: "", at: "" };
    const turn = this.#turn;
    if (turn.state !== "running") return;
    const stream = turn.stream && at ? { ...turn.stream, at } : turn.stream;
    this.#conversation.change(this.#id, {
      content: turn.content + content,
      reasoning: turn.reasoning + reasoning,
      stream,
    });
    if (Date.now() - this.#saved < SAVE) return;
    this.#saved = Date.now();
    void keep(this.#conversation, [this.#turn]);
  }

  #takeCalls(pieces: NonNullable<Delta["calls"]>): void {
    const calls = this.#turn.calls.map((call) => ({ ...call }));
    for (const piece of pieces) {
      const call = (calls[piece.index] ??= { id: "", name: "", arguments: "", result: null });
      call.id ||= piece.id ?? "";
      call.name ||= piece.name ?? "";
      call.arguments += piece.arguments ?? "";
    }
    this.#conversation.change(this.#id, { calls });
  }

  #tellProgress(progress: Progress): void {
    const known = waiting.peek().get(this.#conversation.id);
    if (known) note(this.#conversation, { ...known, progress });
  }

  /** Begin to wait for the next word. */
  #listen(): void {
    clearTimeout(this.#quiet);
    if (health.peek().status !== "ok" && this.key) void glance();
    this.#quiet = window.setTimeout(() => {
      void glance();
      this.#listen();
    }, QUIET);
  }
}

function note(conversation: Conversation, state: Waiting | null): void {
  const next = new Map(waiting.peek());
  if (state) next.set(conversation.id, state);
  else next.delete(conversation.id);
  waiting.value = next;
}

function failure(error: unknown): Partial<Turn> {
  const problem: Problem =
    error instanceof ServerError
      ? { code: error.code, status: error.status, detail: error.message }
      : { code: "page", status: 0, detail: String(error) };
  return { state: "failed", problem };
}

function look({ status, code }: ServerError): void {
  if (status === 401) locked.value = "asked";
  else if (status === 0 || status === 503 || code.startsWith("engine_")) {
    health.value = { status: status === 0 ? "gone" : "restarting" };
    void untilReady();
  }
}

/** Whether a question may be asked now. */
export function mayAsk(): boolean {
  return opened.value && ready.value && !isAnswering(open.value);
}
