// What the page is about: conversations, the turns they are made of, and what may be set.

export type Role = "user" | "assistant";

/** How far a turn is. cut: the limit of tokens ended it. lost: its stream is gone, what came of it is kept. */
export type State = "done" | "running" | "stopped" | "cut" | "failed" | "lost";

/** A tool the model asked to be called. result: what the user said it gave, null while they have not. */
export interface Call {
  id: string;
  name: string;
  arguments: string;
  result: string | null;
}

/** A file whose text goes along with a question. */
export interface Attachment {
  name: string;
  text: string;
}

/** What went wrong, as the server names it; status 0 is no answer at all. */
export interface Problem {
  code: string;
  status: number;
  detail: string;
}

/** What an answer cost. */
export interface Stats {
  prompt: number;
  cached: number;
  answer: number;
  perSecond: number;
}

/** The key to an answer that goes on without us. at: the last event that is in the turn. */
export interface StreamKey {
  id: string;
  secret: string;
  at: string;
}

/** One message. Turns form a tree: an edited question and an answer given again are siblings. */
export interface Turn {
  id: string;
  chat: string;
  parent: string | null;
  role: Role;
  created: number;
  content: string;
  reasoning: string;
  calls: Call[];
  attachments: Attachment[];
  state: State;
  problem: Problem | null;
  stats: Stats | null;
  stream: StreamKey | null;
  /** It was given while the model's bytes were still being checked. */
  unverified: boolean;
}

/** A conversation without its turns. leaf: the end of the branch that is shown. named: by the user, not by us. */
export interface Chat {
  id: string;
  title: string;
  named: boolean;
  pinned: boolean;
  created: number;
  updated: number;
  leaf: string | null;
  system: string | null;
}

/** Names that sort by nothing and collide never; also where the page is no secure context. */
export function newId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

export function newTurn(chat: string, parent: string | null, role: Role, content: string): Turn {
  return {
    id: newId(),
    chat,
    parent,
    role,
    created: Date.now(),
    content,
    reasoning: "",
    calls: [],
    attachments: [],
    state: "done",
    problem: null,
    stats: null,
    stream: null,
    unverified: false,
  };
}

export function newChat(): Chat {
  const now = Date.now();
  return {
    id: newId(),
    title: "",
    named: false,
    pinned: false,
    created: now,
    updated: now,
    leaf: null,
    system: null,
  };
}
