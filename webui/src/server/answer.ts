// One answer as it comes over the wire: asked for, followed, found again after the connection broke.

import type { StreamKey } from "../model/nouns";
import { ServerError, request } from "./client";
import { events } from "./events";

/** A piece of an answer. at: its number in the stream. */
export interface Delta {
  at: string;
  content?: string;
  reasoning?: string;
  calls?: CallDelta[];
  finish?: string;
  timings?: Timings;
  progress?: Progress;
}

export interface CallDelta {
  index: number;
  id?: string;
  name?: string;
  arguments?: string;
}

/** llama.cpp's figures of an answer. */
export interface Timings {
  cache_n: number;
  prompt_n: number;
  predicted_n: number;
  predicted_per_second: number;
}

/** How far the prompt is: its place in the queue, then tokens read of all. */
export interface Progress {
  place?: number;
  total?: number;
  processed?: number;
}

export interface Follower {
  take(delta: Delta): void;
  /** The key to the stream, once it is known. */
  found(key: StreamKey): void;
  /** The model's bytes were still being checked when the answer began. */
  unverified(is: boolean): void;
  /** The connection broke, and is being made again; or it is back. */
  connected(is: boolean): void;
}

const PATIENCE = [300, 700, 1500, 3000, 5000, 8000, 12_000, 15_000, 15_000]; // a minute, in milliseconds

/** Ask for an answer and follow it to its end. Throws `ServerError`, or the AbortError of `signal`. */
export async function ask(body: unknown, follower: Follower, signal: AbortSignal): Promise<void> {
  const response = await request("v1/chat/completions", {
    method: "POST",
    headers: { "Content-Type": "application/json", "X-Stream-Resumable": "true", "X-Stream-Progress": "true" },
    body: JSON.stringify(body),
    signal,
  });
  follower.unverified(response.headers.get("x-model-verified") === "pending");
  const id = response.headers.get("x-stream-id");
  const secret = response.headers.get("x-stream-secret");
  const key = id && secret ? { id, secret, at: "0" } : null;
  if (key) follower.found(key);
  if (await readToEnd(response, key, follower)) return;
  if (!key) throw new ServerError(0, "broken", "");
  await resume(key, follower, signal);
}

/** Go on with an answer that was begun. */
export async function resume(key: StreamKey, follower: Follower, signal: AbortSignal): Promise<void> {
  for (let failures = 0; ; ) {
    const before = key.at;
    try {
      const response = await request(`v1/streams/${encodeURIComponent(key.id)}`, {
        headers: { "X-Stream-Secret": key.secret, "Last-Event-ID": key.at },
        signal,
      });
      follower.connected(true);
      if (await readToEnd(response, key, follower)) return;
    } catch (error) {
      if (!(error instanceof ServerError) || error.status !== 0 || error.code !== "gone") throw error;
    }
    if (key.at !== before) failures = 0;
    const pause = PATIENCE[failures++];
    if (pause === undefined) throw new ServerError(0, "broken", "");
    follower.connected(false);
    await waiting(pause, signal);
  }
}

/** Tell the server that nobody wants the rest. Nothing is lost if it does not hear it. */
export async function giveUp(key: StreamKey): Promise<void> {
  await request(`v1/streams/${encodeURIComponent(key.id)}`, {
    method: "DELETE",
    headers: { "X-Stream-Secret": key.secret },
    keepalive: true,
  }).catch(() => {});
}

/** Whether the stream came to its end; false if the connection broke. */
async function readToEnd(response: Response, key: StreamKey | null, follower: Follower): Promise<boolean> {
  if (!response.body) return false;
  try {
    for await (const { id, data } of events(response.body)) {
      if (key && id) key.at = id;
      if (data === "[DONE]") return true;
      follower.take(delta(id, JSON.parse(data)));
    }
  } catch (error) {
    if (error instanceof ServerError || (error as Error).name === "AbortError") throw error;
  }
  return false;
}

function delta(at: string, chunk: any): Delta {
  if (chunk.error) throw new ServerError(chunk.error.status ?? 200, chunk.error.code ?? "", chunk.error.message ?? "");
  const told: Delta = { at };
  const choice = chunk.choices?.[0];
  if (choice?.delta?.content) told.content = choice.delta.content;
  if (choice?.delta?.reasoning_content) told.reasoning = choice.delta.reasoning_content;
  if (choice?.delta?.tool_calls) {
    told.calls = choice.delta.tool_calls.map((call: any) => ({
      index: call.index,
      id: call.id,
      name: call.function?.name,
      arguments: call.function?.arguments,
    }));
  }
  if (choice?.finish_reason) told.finish = choice.finish_reason;
  if (chunk.timings) told.timings = chunk.timings;
  if (chunk.prompt_progress) told.progress = chunk.prompt_progress;
  return told;
}

function waiting(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const left = () => reject(signal.reason ?? new DOMException("", "AbortError"));
    if (signal.aborted) return left();
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", left);
      resolve();
    }, milliseconds);
    signal.addEventListener("abort", () => (clearTimeout(timer), left()), { once: true });
  });
}
