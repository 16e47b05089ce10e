// The system prompt: the dist's, or the user's in its place; of a classroom's dist it can be read, but not changed.

import { ownSystem, system, ui } from "../state/page";
import { t } from "../words";

export function SystemField() {
  const fixed = ui.value.system_prompt_locked;
  if (fixed && !system.value) return null;
  return (
    <div class="setting wide">
      <label for="set-system">{t("system")}</label>
      <p id="help-system">{t(fixed ? "systemLocked" : "systemHelp")}</p>
      <textarea
        id="set-system"
        dir="auto"
        rows={4}
        readOnly={fixed}
        aria-describedby="help-system"
        value={system.value}
        onInput={(event) => {
          const words = event.currentTarget.value;
          ownSystem.value = words === ui.value.system_prompt ? null : words;
        }}
      />
    </div>
  );
}
