// Before anything is painted: the colours and the direction the page had last time here. The first paint waits for this
// script, and it is no module, so that it does.
try {
  const root = document.documentElement;
  const { theme } = JSON.parse(localStorage.getItem("pannier.settings")) ?? {};
  if (theme) root.dataset.theme = theme;
  const { language, direction } = JSON.parse(localStorage.getItem("pannier.spoken")) ?? {};
  if (language) root.lang = language;
  if (direction) root.dir = direction;
} catch {
  // forbidden, or somebody else's
}
