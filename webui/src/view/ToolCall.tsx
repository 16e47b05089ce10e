// A tool the model asks for: its name, and behind it the arguments, one to a line where they can be told apart. The page
// runs no tools; whoever asked may say what one gave.

import { useState } from "preact/hooks";
import type { Call, Turn } from "../model/nouns";
import { giveResults } from "../state/answering";
import type { Conversation } from "../state/conversation";
import { t } from "../words";
import { Icon } from "./icons";

export function ToolCall({ call }: { call: Call }) {
  const named = argumentsOf(call.arguments);
  return (
    <details class="call">
      <summary>
        <Icon name="tool" />
        {t("callsTool", { name: call.name })}
      </summary>
      {named === null ? (
        <pre dir="ltr" tabIndex={0}>
          {call.arguments}
        </pre>
      ) : named.length === 0 ? (
        <p>{t("noArguments")}</p>
      ) : (
        <dl>
          {named.map(([name, value]) => (
            <div key={name}>
              <dt dir="auto">{name}</dt>
              <dd dir="auto">{typeof value === "string" ? value : JSON.stringify(value, null, 2)}</dd>
            </div>
          ))}
        </dl>
      )}
      {call.result !== null && (
        <p dir="auto">
          <strong>{t("toolResult")}</strong> {call.result}
        </p>
      )}
    </details>
  );
}

/** What the tools gave, to be told the model, which then goes on. */
export function ToolResults({ conversation, turn, idle }: { conversation: Conversation; turn: Turn; idle: boolean }) {
  const [results, setResults] = useState<readonly string[]>(turn.calls.map((call) => call.result ?? ""));
  return (
    <form
      class="results"
      onSubmit={(event) => {
        event.preventDefault();
        giveResults(conversation, turn, results);
      }}
    >
      <p class="note">{t("callsNothing")}</p>
      {turn.calls.map((call, index) => (
        <label key={index}>
          <span>{call.name}</span>
          <textarea
            dir="auto"
            rows={2}
            value={results[index]}
            onInput={(event) => {
              const given = event.currentTarget.value;
              setResults(results.map((one, at) => (at === index ? given : one)));
            }}
          />
        </label>
      ))}
      <button type="submit" class="primary" disabled={!idle}>
        {t("sendResults")}
      </button>
    </form>
  );
}

/** The arguments by their names; null while they are still being written, or are no JSON object. */
function argumentsOf(text: string): [string, unknown][] | null {
  try {
    const value: unknown = JSON.parse(text || "{}");
    return typeof value === "object" && value !== null && !Array.isArray(value) ? Object.entries(value) : null;
  } catch {
    return null;
  }
}
