// Tools the model may ask for, as JSON.

import { toolsOf } from "../model/request";
import { change, settings } from "../state/page";
import { t } from "../words";
import { CodeField } from "./CodeField";

const EXAMPLE = `[{"name": "weather", "description": "The weather of a city",
  "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}]`;

export function ToolsField() {
  const { tools } = settings.value;
  const wrong = tools.trim() !== "" && toolsOf(tools) === null;
  return (
    <CodeField
      name="tools"
      label={t("tools")}
      help={t("toolsHelp")}
      rows={4}
      placeholder={EXAMPLE}
      value={tools}
      wrong={wrong ? t("toolsWrong") : ""}
      onInput={(typed) => change({ tools: typed })}
    />
  );
}
