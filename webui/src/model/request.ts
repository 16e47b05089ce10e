// From a conversation to what the server is asked; the page and its developer view send and show the same.

import type { Attachment, Turn } from "./nouns";
import { DIALS, type Settings } from "./settings";

export interface Message {
  role: "system" | "user" | "assistant" | "tool";
  content: string;
  reasoning_content?: string;
  tool_calls?: object[];
  tool_call_id?: string;
}

export interface Body {
  messages: Message[];
  [field: string]: unknown;
}

/** What the path asks. allowed: the settings that may be sent, null for all of them. */
export function body(
  path: readonly Turn[],
  system: string,
  settings: Settings,
  allowed: readonly string[] | null,
): Body {
  return { messages: messages(path, system), ...sampling(settings, allowed) };
}

/** What was said, without thoughts and failures. A last turn of the model is one to go on with. */
export function messages(path: readonly Turn[], system: string): Message[] {
  const said: Message[] = system ? [{ role: "system", content: system }] : [];
  path.forEach((turn, index) => {
    const content = turn.role === "user" ? withFiles(turn.content, turn.attachments) : turn.content;
    const last = said.at(-1);
    const goesOn = index === path.length - 1 && turn.role === "assistant";
    // A question that got no answer is asked together with the next one: many models want turns to alternate.
    if (turn.role === "user" && last?.role === "user") last.content += `\n\n${content}`;
    else if (turn.calls.length && turn.calls.every((call) => call.result !== null)) said.push(...called(turn));
    else if (content) said.push({ role: turn.role, content });
    else if (goesOn && turn.reasoning) said.push({ role: "assistant", content: "", reasoning_content: turn.reasoning });
  });
  return said;
}

/** A turn that called tools, and what these gave. Calls without a result are left out: templates know none. */
function called({ content, calls }: Turn): Message[] {
  const asked = calls.map(({ id, name, arguments: given }) => ({
    id,
    type: "function",
    function: { name, arguments: given || "{}" },
  }));
  const told = calls.map(({ id, result }): Message => ({ role: "tool", tool_call_id: id, content: result ?? "" }));
  return [{ role: "assistant", content, tool_calls: asked }, ...told];
}

function withFiles(content: string, files: readonly Attachment[]): string {
  const told = files.map(({ name, text }) => {
    const fence = "`".repeat(Math.max(3, ...[...text.matchAll(/`+/g)].map((run) => run[0].length + 1)));
    return `${name}:\n${fence}\n${text.replace(/\n$/, "")}\n${fence}\n\n`;
  });
  return told.join("") + content;
}

function sampling(settings: Settings, allowed: readonly string[] | null): Record<string, unknown> {
  const sent: Record<string, unknown> = {};
  const may = (name: string) => allowed === null || allowed.includes(name);
  for (const { name } of DIALS) {
    const value = settings[name];
    if (value !== null && may(name)) sent[name] = value;
  }
  if (settings.thinking && may("thinking")) sent["reasoning_effort"] = settings.thinking;
  if (settings.form === "grammar" && settings.grammar.trim() && may("form")) sent["grammar"] = settings.grammar;
  if (settings.form === "json_schema" && may("form")) {
    const schema = schemaOf(settings.json_schema);
    if (schema) sent["json_schema"] = schema;
  }
  const tools = may("tools") && !settings.form ? toolsOf(settings.tools) : null;
  if (tools?.length) sent["tools"] = tools;
  return sent;
}

/** Tools that were typed in, in OpenAI's shape or as bare functions; null while they are none. */
export function toolsOf(text: string): object[] | null {
  try {
    const typed = JSON.parse(text);
    const tools = (Array.isArray(typed) ? typed : [typed]).map((one) =>
      one?.function ? { type: "function", ...one } : { type: "function", function: one },
    );
    return tools.every((one) => typeof one.function?.name === "string") ? tools : null;
  } catch {
    return null;
  }
}

/** A JSON Schema that was typed in, or null while it is none. */
export function schemaOf(text: string): object | null {
  try {
    const schema = JSON.parse(text);
    return typeof schema === "object" && schema !== null && !Array.isArray(schema) ? schema : null;
  } catch {
    return null;
  }
}
