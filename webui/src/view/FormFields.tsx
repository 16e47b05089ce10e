// The form an answer must have: a JSON Schema or a grammar.

import { schemaOf } from "../model/request";
import type { Settings } from "../model/settings";
import { change, settings } from "../state/page";
import { t } from "../words";
import { CodeField } from "./CodeField";
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
        <CodeField
          name="text"
          label={t(isSchema ? "formSchema" : "formGrammar")}
          rows={6}
          placeholder={isSchema ? '{"type": "object", "properties": {}}' : 'root ::= "yes" | "no"'}
          value={text}
          wrong={wrong ? t("schemaWrong") : ""}
          onInput={(typed) => change({ [isSchema ? "json_schema" : "grammar"]: typed })}
        />
      )}
    </>
  );
}
