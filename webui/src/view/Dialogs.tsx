// The dialogs are loaded when one is opened for the first time.

import type { ComponentType } from "preact";
import { useEffect, useState } from "preact/hooks";
import { type DialogName, dialog, notify } from "../state/view";
import { t } from "../words";

const LOADERS: Record<DialogName, () => Promise<{ default: ComponentType }>> = {
  settings: () => import("./SettingsDialog"),
  about: () => import("./AboutDialog"),
  developer: () => import("./DeveloperDialog"),
  join: () => import("./JoinDialog"),
};

export function Dialogs() {
  const [loaded, setLoaded] = useState<Partial<Record<DialogName, ComponentType>>>({});
  const name = dialog.value;
  useEffect(() => {
    if (!name || loaded[name]) return;
    LOADERS[name]().then(
      (module) => setLoaded((known) => ({ ...known, [name]: module.default })),
      () => {
        dialog.value = null;
        notify(t("gone"));
      },
    );
  }, [name]);
  const Shown = name && loaded[name];
  return Shown ? <Shown /> : null;
}
