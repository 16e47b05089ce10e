// Everything that may be set, each with what it does.

import { DIALS, type Dial, type Settings } from "../model/settings";
import { change, mayset, resetSettings, settings } from "../state/page";
import { LANGUAGES, type Key, t } from "../words";
import { Dialog } from "./Dialog";
import { DialField, Select, Toggle } from "./fields";
import { FormFields } from "./FormFields";
import { SystemField } from "./SystemField";
import { ToolsField } from "./ToolsField";

export default function SettingsDialog() {
  const languages = Object.entries(LANGUAGES);
  return (
    <Dialog title={t("settings")}>
      <section>
        <h3>{t("appearance")}</h3>
        <Select
          name="theme"
          label={t("theme")}
          value={settings.value.theme}
          options={[
            ["", t("themeAuto")],
            ["light", t("themeLight")],
            ["dark", t("themeDark")],
          ]}
          onChange={(theme) => change({ theme: theme as Settings["theme"] })}
        />
        <Select
          name="language"
          label={t("language")}
          value={settings.value.language}
          options={[["", t("languageAuto")], ...languages]}
          onChange={(language) => change({ language })}
        />
        <Toggle label={t("showSpeed")} value={settings.value.speed} onChange={(speed) => change({ speed })} />
      </section>
      <section>
        <h3>{t("answers")}</h3>
        <SystemField />
        {mayset("thinking") && <Effort />}
        {DIALS.filter((dial) => mayset(dial.name)).map((dial) => (
          <DialField key={dial.name} dial={dial} label={t(dial.name)} help={t(helpOf(dial))} />
        ))}
        {mayset("form") && <FormFields />}
        {mayset("tools") && <ToolsField />}
        <div class="row end">
          <button type="button" class="plain" onClick={resetSettings}>
            {t("reset")}
          </button>
        </div>
      </section>
    </Dialog>
  );
}

function Effort() {
  return (
    <Select
      name="thinking"
      label={t("effort")}
      help={t("effortHelp")}
      value={settings.value.thinking}
      options={[
        ["", t("effortAuto")],
        ["none", t("effortNone")],
        ["low", t("effortLow")],
        ["medium", t("effortMedium")],
        ["high", t("effortHigh")],
      ]}
      onChange={(thinking) => change({ thinking: thinking as Settings["thinking"] })}
    />
  );
}

function helpOf(dial: Dial): Key {
  return `${dial.name}Help`;
}
