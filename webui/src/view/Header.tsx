// The bar above the conversation.

import { startNew, open } from "../state/library";
import { ui } from "../state/page";
import { type DialogName, dialog, listIsOpen } from "../state/view";
import { t } from "../words";
import { IconButton } from "./Button";
import type { IconName } from "./icons";

export function Header() {
  const title = ui.value.title || ui.value.model;
  const show = (name: DialogName, icon: IconName) => (
    <IconButton id={`open-${name}`} icon={icon} label={t(name)} onClick={() => (dialog.value = name)} />
  );
  return (
    <header class="bar">
      <IconButton
        id="open-list"
        icon="menu"
        class="narrow"
        label={t("openList")}
        expanded={listIsOpen.value}
        onClick={() => (listIsOpen.value = true)}
      />
      <h1 id="title">{title}</h1>
      <div class="row">
        {open.value.chat.value.leaf && <IconButton icon="plus" class="narrow" label={t("newChat")} onClick={startNew} />}
        {ui.value.addresses.length > 0 && show("join", "join")}
        {show("developer", "code")}
        {show("settings", "gear")}
        {show("about", "info")}
      </div>
    </header>
  );
}
