// A request as a shell and as Python would write it.

import type { Body } from "./request";

const OWN = ["json_schema", "grammar", "top_k", "min_p", "repeat_penalty"]; // not OpenAI's: they go into extra_body

export function asCurl(body: Body, address: string): string {
  const json = JSON.stringify(body, null, 2).replaceAll("'", "'\\''");
  return `curl ${address}/chat/completions \\\n  -H 'Content-Type: application/json' \\\n  -d '${json}'\n`;
}

export function asPython(body: Body, address: string, model: string): string {
  const fields = Object.entries(body).filter(([name]) => !OWN.includes(name));
  const extra = Object.entries(body).filter(([name]) => OWN.includes(name));
  const given = [
    `    model=${literal(model)},`,
    ...fields.map(([name, value]) => `    ${name}=${literal(value, 1)},`),
    ...(extra.length ? [`    extra_body=${literal(Object.fromEntries(extra), 1)},`] : []),
  ];
  return `from openai import OpenAI

client = OpenAI(base_url=${literal(address)}, api_key="none")
answer = client.chat.completions.create(
${given.join("\n")}
)
print(answer.choices[0].message.content)
`;
}

/** A value as Python writes it. */
function literal(value: unknown, depth = 0): string {
  if (value === null || value === undefined) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (typeof value !== "object") return JSON.stringify(value);
  const space = "    ".repeat(depth + 1);
  const inner = Array.isArray(value)
    ? value.map((item) => `${space}${literal(item, depth + 1)},`)
    : Object.entries(value).map(([key, item]) => `${space}${JSON.stringify(key)}: ${literal(item, depth + 1)},`);
  const [open, close] = Array.isArray(value) ? "[]" : "{}";
  return inner.length ? `${open}\n${inner.join("\n")}\n${"    ".repeat(depth)}${close}` : `${open}${close}`;
}
