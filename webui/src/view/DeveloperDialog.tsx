// The present conversation as a request of another program.

import { body } from "../model/request";
import { asCurl, asPython } from "../model/snippets";
import { apiAddress } from "../server/client";
import { open } from "../state/library";
import { settings, system, ui } from "../state/page";
import { t } from "../words";
import { useCopy } from "./copying";
import { Dialog } from "./Dialog";
import { IconButton } from "./Button";
import { Listing } from "./Listing";

export default function DeveloperDialog() {
  const path = open.value.path.value.map((turn) => turn.value);
  const last = path.at(-1);
  const upTo = last?.role === "assistant" ? path.slice(0, -1) : path; // as it was asked
  const asked = body(upTo, system.value, settings.value, ui.value.settings);
  if (asked.messages.length === 0) asked.messages.push({ role: "user", content: t("placeholder") });
  const address = apiAddress();
  const [copied, copyIt] = useCopy(() => address);
  return (
    <Dialog title={t("developer")}>
      <p>{t("developerHelp")}</p>
      <p class="row">
        <span>{t("address")}:</span>
        <code dir="ltr" id="api-address">
          {address}
        </code>
        <IconButton icon={copied ? "done" : "copy"} label={t(copied ? "copied" : "copy")} onClick={copyIt} />
      </p>
      <h3>curl</h3>
      <Listing text={asCurl(asked, address)} language="bash" growing={false} />
      <h3>Python</h3>
      <Listing text={asPython(asked, address, ui.value.model)} language="python" growing={false} />
    </Dialog>
  );
}
