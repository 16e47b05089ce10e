// Tools the model may ask for, as JSON.

import { toolsOf } from "../model/request";
import { change, settings } from "../state/page";
import { t } from "../words";

const EXAMPLE = `[{"name": "weather", "description": "The weather of a city",
  "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}]`;

export function ToolsField() {
  const { tools } = settings.value;
  const wrong = tools.trim() !== "" && toolsOf(tools) === null;
  return (
    <div class="setting wide">
      <label for="set-tools">{t("tools")}</label>
      <p>{t("toolsHelp")}</p>
      <textarea
        id="set-tools"
        class="mono"
        dir="ltr"
        rows={4}
        spellcheck={false}
        aria-invalid={wrong}
        aria-describedby="help-tools"
        placeholder={EXAMPLE}
        value={tools}
        onInput={(event) => change({ tools: event.currentTarget.value })}
      />
      <p id="help-tools" class={wrong ? "wrong" : ""}>
        {wrong ? t("toolsWrong") : ""}
      </p>
    </div>
  );
}
