import "./style/base.css";
import "./style/frame.css";
import "./style/talk.css";
import "./style/prose.css";
import "./style/dialogs.css";
import { render } from "preact";
import { openLibrary } from "./state/library";
import { dress } from "./state/look";
import { untilReady } from "./state/page";
import { App } from "./view/App";
import { spoken } from "./words";

const PATIENCE = 150; // milliseconds to wait for the words before something is shown

dress();
void untilReady();
void openLibrary();
void Promise.race([spoken(), new Promise((resolve) => setTimeout(resolve, PATIENCE))]).then(() => {
  const page = document.getElementById("page")!;
  page.replaceChildren(); // the frame that was there before
  render(<App />, page);
});
