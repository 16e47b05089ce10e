// Labelled fields with their explanation.

import type { Dial } from "../model/settings";
import { change, settings, ui } from "../state/page";
import { number, t } from "../words";

interface SelectProps {
  name: string;
  label: string;
  help?: string;
  value: string;
  options: readonly (readonly [string, string])[];
  onChange: (value: string) => void;
}

export function Select({ name, label, help, value, options, onChange }: SelectProps) {
  return (
    <div class="setting">
      <label for={`set-${name}`}>{label}</label>
      <select
        id={`set-${name}`}
        aria-describedby={help ? `help-${name}` : undefined}
        value={value}
        onChange={(event) => onChange(event.currentTarget.value)}
      >
        {options.map(([key, words]) => (
          <option value={key} key={key}>
            {words}
          </option>
        ))}
      </select>
      {help && <p id={`help-${name}`}>{help}</p>}
    </div>
  );
}

export function Toggle({ label, value, onChange }: { label: string; value: boolean; onChange: (value: boolean) => void }) {
  return (
    <label class="toggle">
      <input type="checkbox" checked={value} onChange={(event) => onChange(event.currentTarget.checked)} />
      {label}
    </label>
  );
}

/** A number; empty means the server's own, which stands there in grey. */
export function DialField({ dial, label, help }: { dial: Dial; label: string; help: string }) {
  const { name, min, max, step } = dial;
  const value = settings.value[name];
  const usual = ui.value.defaults[name];
  return (
    <div class="setting">
      <label for={`set-${name}`}>{label}</label>
      <input
        id={`set-${name}`}
        type="number"
        inputMode="decimal"
        min={min}
        max={max}
        step={step}
        value={value ?? ""}
        placeholder={usual === undefined ? "" : t("defaultIs", { value: number(usual, 2) })}
        aria-describedby={`help-${name}`}
        onChange={(event) => {
          const typed = event.currentTarget.valueAsNumber;
          const fits = Number.isFinite(typed) ? Math.min(max, Math.max(min, typed)) : null;
          event.currentTarget.value = fits === null ? "" : String(fits);
          change({ [name]: fits });
        }}
      />
      <p id={`help-${name}`}>{help}</p>
    </div>
  );
}
