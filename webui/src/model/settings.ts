// What may be set. A number that is not set is the server's own.

export interface Settings {
  temperature: number | null;
  top_p: number | null;
  top_k: number | null;
  min_p: number | null;
  repeat_penalty: number | null;
  presence_penalty: number | null;
  frequency_penalty: number | null;
  max_tokens: number | null;
  seed: number | null;
  thinking: "" | "none" | "low" | "medium" | "high";
  form: "" | "json_schema" | "grammar";
  json_schema: string;
  grammar: string;
  tools: string;
  speed: boolean;
  theme: "" | "light" | "dark";
  language: string;
}

export const UNSET: Settings = {
  temperature: null,
  top_p: null,
  top_k: null,
  min_p: null,
  repeat_penalty: null,
  presence_penalty: null,
  frequency_penalty: null,
  max_tokens: null,
  seed: null,
  thinking: "",
  form: "",
  json_schema: "",
  grammar: "",
  tools: "",
  speed: false,
  theme: "",
  language: "",
};

export interface Dial {
  name: NumberName;
  min: number;
  max: number;
  step: number;
}

export type NumberName = {
  [K in keyof Settings]: Settings[K] extends number | null ? K : never;
}[keyof Settings];

export const DIALS: readonly Dial[] = [
  { name: "temperature", min: 0, max: 2, step: 0.05 },
  { name: "max_tokens", min: 1, max: 1_000_000, step: 1 },
  { name: "top_p", min: 0, max: 1, step: 0.01 },
  { name: "top_k", min: 0, max: 1000, step: 1 },
  { name: "min_p", min: 0, max: 1, step: 0.01 },
  { name: "repeat_penalty", min: 0.5, max: 2, step: 0.01 },
  { name: "presence_penalty", min: -2, max: 2, step: 0.05 },
  { name: "frequency_penalty", min: -2, max: 2, step: 0.05 },
  { name: "seed", min: 0, max: 4_294_967_295, step: 1 },
];

/** Settings from something stored or imported: what fits is taken, the rest is as if unset. */
export function settingsFrom(raw: unknown): Settings {
  const given = (typeof raw === "object" && raw !== null ? raw : {}) as Record<string, unknown>;
  const taken: Record<string, unknown> = { ...UNSET };
  for (const [name, usual] of Object.entries(UNSET)) {
    const value = given[name];
    const fits = usual === null ? typeof value === "number" && Number.isFinite(value) : typeof value === typeof usual;
    if (fits) taken[name] = value;
  }
  return taken as unknown as Settings;
}
