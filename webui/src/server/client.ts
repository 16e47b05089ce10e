// Asks the server this page came from, and nobody else.

import { recall, remember, storage } from "../store/small";

const KEY = "pannier.key"; // of the API; for this tab only

/** The server refused or failed; `code` as its API names it. Status 0: it does not answer. */
export class ServerError extends Error {
  readonly status: number;
  readonly code: string;
  readonly retryAfter: number;

  constructor(status: number, code: string, message: string, retryAfter = 0) {
    super(message);
    this.status = status;
    this.code = code;
    this.retryAfter = retryAfter;
  }
}

let given = ""; // where the browser keeps nothing, it is known until the tab is left

export function useKey(key: string): void {
  given = key;
  remember(KEY, key, storage("sessionStorage"));
}

function currentKey(): string {
  const kept = recall(KEY, storage("sessionStorage"));
  return given || (typeof kept === "string" ? kept : "");
}

/** Where the API is, for whoever wants to use it from elsewhere. */
export function apiAddress(): string {
  return new URL("v1", document.baseURI).href;
}

/** A response of the server with a good status. Throws `ServerError`, or the AbortError of `signal`. */
export async function request(path: string, options: RequestInit = {}): Promise<Response> {
  const key = currentKey();
  const response = await send(path, options, key);
  if (response.ok) return response;
  const refused = await refusal(response);
  if (refused.status === 401 && currentKey() !== key) return request(path, options); // another was given meanwhile
  throw refused;
}

async function send(path: string, options: RequestInit, key: string): Promise<Response> {
  const headers = new Headers(options.headers);
  if (key) headers.set("Authorization", `Bearer ${key}`);
  try {
    return await fetch(new URL(path, document.baseURI), { ...options, headers });
  } catch (error) {
    if ((error as Error).name === "AbortError") throw error;
    throw new ServerError(0, "gone", "");
  }
}

export async function json<T>(path: string, options: RequestInit = {}): Promise<T> {
  return (await request(path, options)).json() as Promise<T>;
}

async function refusal(response: Response): Promise<ServerError> {
  const body = await response.json().catch(() => null);
  const { message = response.statusText, code = "" } = (body?.error ?? {}) as { message?: string; code?: string };
  return new ServerError(response.status, code ?? "", message, Number(response.headers.get("retry-after")) || 0);
}
