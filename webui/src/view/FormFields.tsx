// The form an answer must have: a JSON Schema or a grammar.

import { schemaOf } from "../model/request";
import type { Settings } from "../model/settings";
import { change, settings } from "../state/page";
import { t } from "../words";
import { Select } from "./fields";

export function FormFields() {
  const { form, json_schema, grammar } = settings.value;
  const isSchema = form === "json_schema";
  const text = isSchema ? json_schema : grammar;
  const wrong = isSchema && text.trim() !== "" && schemaOf(text) === null;
  return (
    <>
      <Select
        name="form"
        label={t("form")}
        help={t("formHelp")}
        value={form}
        options={[
          ["", t("formFree")],
          ["json_schema", t("formSchema")],
          ["grammar", t("formGrammar")],
        ]}
        onChange={(chosen) => change({ form: chosen as Settings["form"] })}
      />
      {form && (
        <div class="setting wide">
          <label for="set-text">{t(isSchema ? "formSchema" : "formGrammar")}</label>
          <textarea
            id="set-text"
            class="mono"
            dir="ltr"
            rows={6}
            spellcheck={false}
            aria-invalid={wrong}
            aria-describedby="help-text"
            placeholder={isSchema ? '{"type": "object", "properties": {}}' : 'root ::= "yes" | "no"'}
            value={text}
            onInput={(event) => change({ [isSchema ? "json_schema" : "grammar"]: event.currentTarget.value })}
          />
          <p id="help-text" class={wrong ? "wrong" : ""}>
            {wrong ? t("schemaWrong") : ""}
          </p>
        </div>
      )}
    </>
  );
}
