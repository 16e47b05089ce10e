// An empty conversation: a greeting, and suggestions to begin with.

import { mayAsk, say } from "../state/answering";
import { open } from "../state/library";
import { iconAddress } from "../state/look";
import { ui } from "../state/page";
import { t } from "../words";

export function Welcome() {
  const { welcome, starters, icon } = ui.value;
  return (
    <section class="welcome" id="welcome">
      <img src={iconAddress(icon)} alt="" width="56" height="56" />
      <h2>{t("greeting")}</h2>
      {welcome && (
        <p class="introduction" id="introduction" dir="auto">
          {welcome}
        </p>
      )}
      {starters.length > 0 && (
        <ul class="starters" aria-label={t("suggestions")}>
          {starters.map((words) => (
            <li key={words}>
              <button type="button" class="starter" dir="auto" disabled={!mayAsk()} onClick={() => say(open.value, words)}>
                {words}
              </button>
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}
