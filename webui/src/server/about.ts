// What the server tells about itself and the file it came in.

import { json, request } from "./client";

/** What the dist-spec decides about the page, and what the model can do. */
export interface Ui {
  title: string;
  icon: string;
  accent: string;
  welcome: string;
  starters: string[];
  language: string;
  system_prompt: string;
  system_prompt_locked: boolean;
  settings: string[] | null;
  defaults: Record<string, number>;
  model: string;
  author: string;
  license: string;
  backend: string | null;
  context_size: number | null;
  chat_template: string | null;
  addresses: string[];
}

export interface Health {
  status: "ok" | "loading" | "restarting" | "failed" | "gone";
  progress?: number;
  detail?: string;
  /** Why it failed, where that is known. */
  reason?: "memory";
  /** What is known of the model's bytes; nothing where nobody checks them. */
  model_verified?: "pending" | "yes" | "no";
}

/** The file: docs/format.md's facts, for people. */
export interface About {
  dist: { name: string; version: string; description: string; manifest_sha256: string; target: string };
  model: {
    name: string;
    author: string;
    license: string;
    license_text: string;
    sha256: string;
    size: number;
    parameters: number;
    architecture: string;
    file_type: string;
    source: string;
    origin: Record<string, string>;
  };
  engine: { name: string; commit: string; backend: string; why: string[] };
  runtime: { pannier: string; python: string };
}

export const NOTHING: Ui = {
  title: "",
  icon: "",
  accent: "",
  welcome: "",
  starters: [],
  language: "",
  system_prompt: "",
  system_prompt_locked: false,
  settings: null,
  defaults: {},
  model: "",
  author: "",
  license: "",
  backend: null,
  context_size: null,
  chat_template: null,
  addresses: [],
};

export async function ui(): Promise<Ui> {
  return { ...NOTHING, ...(await json<Partial<Ui>>("api/ui")) };
}

export function about(): Promise<About> {
  return json<About>("api/about");
}

/** Let a failed engine begin anew. What comes of it the next look at its health says. */
export async function retry(): Promise<void> {
  await request("api/retry", { method: "POST" }).catch(() => {});
}

/** Where the engine stands; a server that does not answer is "gone". Needs no key. */
export async function health(): Promise<Health> {
  try {
    const response = await fetch(new URL("health", document.baseURI), { cache: "no-store" });
    return (await response.json()) as Health;
  } catch {
    return { status: "gone" };
  }
}
