// Talks to the server this page came from, and to nobody else.

let key = sessionStorage.getItem("pannier.key") ?? "";

/** An error the server told, or that kept us from it. `code` is the server's word for it, "" if it said nothing. */
export class ServerError extends Error {
  constructor(message, { status = 0, code = "" } = {}) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

export function useKey(value) {
  key = value;
  sessionStorage.setItem("pannier.key", value);
}

/** What the page shows: title, starters, system prompt, model, backend. */
export async function about() {
  return (await ask("api/ui")).json();
}

/** `{status: "ok" | "loading" | "restarting" | "failed", progress, detail}`. */
export async function health() {
  const response = await fetch("health", { cache: "no-store" }).catch(() => {
    throw new ServerError("unreachable");
  });
  return response.json();
}

/**
 * Streams the answer to `messages`: calls `onText` with each piece and resolves with the finish reason. First it calls
 * `onVerified` with what is known of the model's bytes: "pending", "yes", or null where nobody checks them.
 * Rejects with `ServerError`, or with an `AbortError` once `signal` is aborted.
 */
export async function chat(messages, { onText, onVerified }, signal) {
  const response = await ask("v1/chat/completions", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ messages, stream: true }),
    signal,
  });
  onVerified(response.headers.get("x-model-verified"));
  let reason = null;
  for await (const data of events(response.body)) {
    if (data === "[DONE]") return reason;
    const chunk = JSON.parse(data);
    if (chunk.error) throw new ServerError(chunk.error.message, { code: chunk.error.code ?? "" });
    const choice = chunk.choices[0];
    if (choice?.delta.content) onText(choice.delta.content);
    reason = choice?.finish_reason ?? reason;
  }
  throw new ServerError("ended early", { code: "broken" });
}

async function ask(path, options = {}) {
  const headers = { ...options.headers, ...(key && { Authorization: `Bearer ${key}` }) };
  let response;
  try {
    response = await fetch(path, { cache: "no-store", ...options, headers });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ServerError("unreachable");
  }
  if (response.ok) return response;
  const body = await response.json().catch(() => ({}));
  throw new ServerError(body.error?.message ?? response.statusText, {
    status: response.status,
    code: body.error?.code ?? "",
  });
}

/** The data of each server-sent event, whatever the boundaries of the chunks that arrive. */
async function* events(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let buffer = "";
  for (;;) {
    let piece;
    try {
      piece = await reader.read();
    } catch (error) {
      if (error.name === "AbortError") throw error;
      throw new ServerError("ended early", { code: "broken" });
    }
    if (piece.done) return;
    buffer += piece.value;
    const parts = buffer.split("\n\n");
    buffer = parts.pop();
    for (const part of parts) if (part.startsWith("data: ")) yield part.slice(6);
  }
}
