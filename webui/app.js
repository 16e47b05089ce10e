// The chat page: keeps one conversation, sends it, shows the answer as it comes.

import * as api from "./api.js";
import { renderInto } from "./markdown.js";
import { text } from "./strings.js";

const $ = (id) => document.getElementById(id);
const view = {
  title: $("title"),
  newChat: $("new-chat"),
  welcome: $("welcome"),
  greeting: $("greeting"),
  introduction: $("introduction"),
  starters: $("starters"),
  log: $("log"),
  loading: $("loading"),
  loadingLabel: $("loading-label"),
  loadingBar: $("loading-bar"),
  keyForm: $("key-form"),
  keyLabel: $("key-form").querySelector("label"),
  key: $("key"),
  composer: $("composer"),
  prompt: $("prompt"),
  send: $("send"),
  stop: $("stop"),
  status: $("status"),
  aboutModel: $("about-model"),
  aboutPlace: $("about-place"),
};

const POLL = 400; // milliseconds between two looks at /health while loading
const STORED = "pannier.conversation";
const COPY = { label: text.copy, copy: copyText };

let ui = { title: "", welcome: "", starters: [], system_prompt: "" };
let conversation = restore(); // [{role, content, note?, problem?, unverified?}]
let running = null; // the AbortController of the answer being written
let ready = false;
let watching = false; // whether somebody waits for the check of the model

start();

// ── The life of the page ────────────────────────────────────────────────────────────────────────────────────────

async function start() {
  listen();
  showConversation();
  showPlace();
  refreshControls();
  await whenReady();
}

/** Waits for the server and its model, telling how far they are. */
async function whenReady() {
  ready = false;
  refreshControls();
  let shown = false;
  for (;;) {
    try {
      if (!shown) {
        await showAbout();
        shown = true;
      }
      const state = await api.health();
      if (state.status === "ok") break;
      showLoading(state);
      if (state.status === "failed") await pause(4 * POLL);
    } catch (error) {
      if (error.status === 401) return askForKey();
      showLoading({ status: "gone" });
      await pause(2 * POLL);
    }
    await pause(POLL);
  }
  if (!view.loading.hidden) await showAbout().catch(() => {});
  view.loading.hidden = true;
  view.keyForm.hidden = true;
  view.composer.hidden = false;
  ready = true;
  refreshControls();
  unmarkWhenVerified();
  if (matchMedia("(pointer: fine)").matches) view.prompt.focus();
  return undefined;
}

function listen() {
  view.composer.addEventListener("submit", (event) => {
    event.preventDefault();
    send(view.prompt.value);
  });
  view.prompt.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229) return;
    event.preventDefault();
    send(view.prompt.value);
  });
  view.prompt.addEventListener("input", () => {
    growPrompt();
    refreshControls();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && running) running.abort();
  });
  view.stop.addEventListener("click", () => running?.abort());
  view.newChat.addEventListener("click", newChat);
  view.keyForm.addEventListener("submit", (event) => {
    event.preventDefault();
    api.useKey(view.key.value.trim());
    view.keyForm.hidden = true;
    whenReady();
  });
  addEventListener("pagehide", store);
}

// ── Asking and answering ────────────────────────────────────────────────────────────────────────────────────────

function send(words) {
  const content = words.trim();
  if (!content || !ready || running) return;
  view.prompt.value = "";
  growPrompt();
  add({ role: "user", content });
  answer();
}

/** Asks for the answer to the conversation as it stands and shows it as it comes. */
async function answer() {
  const messages = toSend();
  const message = { role: "assistant", content: "" };
  const article = add(message);
  const draw = oncePerFrame(() => keepingTheEnd(() => drawMessage(article, message)));
  running = new AbortController();
  article.setAttribute("aria-busy", "true");
  article.classList.add("writing");
  say(text.answering);
  refreshControls();
  try {
    const hear = {
      onVerified: (known) => (message.unverified = known === "pending"),
      onText: (piece) => {
        message.content += piece;
        draw();
      },
    };
    const reason = await api.chat(messages, hear, running.signal);
    if (reason === "length") message.note = text.cut;
    say(text.answered);
  } catch (error) {
    if (error.name === "AbortError") message.note = text.stopped;
    else message.problem = explain(error);
    say(message.note ?? message.problem.sentence);
    if (error.status === 401) askForKey();
    else if (message.problem?.wait) whenReady();
  } finally {
    running = null;
    article.removeAttribute("aria-busy");
    article.classList.remove("writing");
    keepingTheEnd(() => drawMessage(article, message));
    refreshControls();
    store();
    unmarkWhenVerified();
  }
}

/** Waits until the model's bytes were all checked; from then on its answers need no mark. */
async function unmarkWhenVerified() {
  if (watching || !conversation.some((message) => message.unverified)) return;
  watching = true;
  let known = "pending";
  while (known === "pending") {
    ({ model_verified: known } = await api.health().catch(() => ({})));
    if (known === "pending") await pause(5 * POLL);
  }
  watching = false;
  if (known !== "yes") return; // the server is gone: what it said stays marked
  conversation.forEach((message, index) => {
    message.unverified = false;
    drawMessage(view.log.children[index], message);
  });
  store();
}

/** What goes to the server: the system prompt, then what was said, without thoughts and failures. */
function toSend() {
  const messages = ui.system_prompt ? [{ role: "system", content: ui.system_prompt }] : [];
  for (const { role, content } of conversation) {
    const words = role === "assistant" ? divide(content).words : content;
    const last = messages.at(-1);
    // A question that got no answer is asked together with the next one: many models want turns to alternate.
    if (role === "user" && last?.role === "user") last.content += `\n\n${words}`;
    else if (words) messages.push({ role, content: words });
  }
  return messages;
}

function retry() {
  if (running || !ready) return;
  if (conversation.at(-1)?.role === "assistant") {
    conversation.pop();
    view.log.lastElementChild.remove();
  }
  answer();
}

function newChat() {
  running?.abort();
  conversation = [];
  store();
  showConversation();
  refreshControls();
  view.prompt.focus();
}

/** `{sentence, detail, action, wait}`: what went wrong, in words for whoever reads this page. */
function explain(error) {
  if (!(error instanceof api.ServerError)) return { sentence: text.broken, detail: String(error), action: "retry" };
  if (error.code === "context_length_exceeded") return { sentence: text.full, detail: error.message, action: "new" };
  if (error.code === "engine_restarted") return { sentence: text.died, action: "retry", wait: true };
  if (error.code === "broken") return { sentence: text.broken, action: "retry", wait: true };
  if (error.status === 429) return { sentence: text.busy, action: "retry" };
  if (error.status === 0 && !error.code) return { sentence: text.gone, action: "retry", wait: true };
  return { sentence: error.message, action: "retry", wait: error.status === 503 };
}

// ── Showing ─────────────────────────────────────────────────────────────────────────────────────────────────────

function showConversation() {
  view.log.replaceChildren();
  for (const message of conversation) show(message);
  scrollToEnd();
}

function add(message) {
  conversation.push(message);
  const article = show(message);
  scrollToEnd();
  store();
  return article;
}

function show(message) {
  const article = document.createElement("article");
  article.className = `message ${message.role}`;
  const who = document.createElement("h2");
  who.className = "unseen";
  who.textContent = message.role === "user" ? text.you : text.assistant;
  article.append(who);
  view.log.append(article);
  drawMessage(article, message);
  return article;
}

function drawMessage(article, message) {
  if (message.role === "user") {
    part(article, "said", "p").textContent = message.content;
    part(article, "said", "p").dir = "auto";
    return;
  }
  const { thoughts, words, open } = divide(message.content);
  if (thoughts) drawThoughts(article, thoughts, open && article.classList.contains("writing"));
  if (words) renderInto(part(article, "words"), words, { onCopy: COPY });
  part(article, "waiting").hidden = Boolean(thoughts || words) || !article.classList.contains("writing");
  if (message.note) part(article, "note", "p").textContent = message.note;
  if (message.unverified) part(article, "unverified", "p").textContent = text.unverified;
  else article.querySelector(":scope > .unverified")?.remove();
  if (message.problem) drawProblem(article, message.problem);
}

function drawThoughts(article, thoughts, open) {
  let fold = article.querySelector(".thoughts");
  if (!fold) {
    fold = document.createElement("details");
    fold.className = "thoughts";
    fold.append(document.createElement("summary"), document.createElement("div"));
    article.insertBefore(fold, article.querySelector(":scope > .words"));
  }
  fold.firstElementChild.textContent = open ? text.thinking : text.thought;
  fold.classList.toggle("open-ended", open);
  renderInto(fold.lastElementChild, thoughts, { onCopy: COPY });
}

function drawProblem(article, problem) {
  const box = part(article, "problem");
  box.setAttribute("role", "alert");
  const sentence = document.createElement("p");
  sentence.textContent = problem.sentence;
  const button = document.createElement("button");
  button.type = "button";
  button.className = "primary";
  button.disabled = !ready;
  button.textContent = problem.action === "new" ? text.newChat : text.retry;
  button.addEventListener("click", problem.action === "new" ? newChat : retry);
  box.replaceChildren(sentence);
  if (problem.detail) {
    const detail = document.createElement("p");
    detail.className = "detail";
    detail.textContent = problem.detail;
    box.append(detail);
  }
  if (article === view.log.lastElementChild) box.append(button);
}

/** The child of `article` with this class, made where it is missing. */
function part(article, className, tag = "div") {
  let node = article.querySelector(`:scope > .${className}`);
  if (!node) {
    node = document.createElement(tag);
    node.className = className;
    article.append(node);
  }
  return node;
}

/** Thoughts and words of an answer. Some templates open the thoughts themselves: then only their end is there. */
function divide(content) {
  const end = content.indexOf("</think>");
  const begins = /^\s*<think>/.exec(content)?.[0].length ?? 0;
  if (!begins && content.trim() && "<think>".startsWith(content.trim())) return { thoughts: "", words: "", open: true };
  if (end >= 0) return { thoughts: content.slice(begins, end).trim(), words: content.slice(end + 8).trim(), open: false };
  if (begins) return { thoughts: content.slice(begins).trim(), words: "", open: true };
  return { thoughts: "", words: content, open: false };
}

async function showAbout() {
  ui = { ...ui, ...(await api.about()) };
  const name = ui.title || ui.model;
  document.title = name;
  view.title.textContent = name;
  view.greeting.textContent = text.greeting;
  view.introduction.textContent = ui.welcome;
  view.introduction.hidden = !ui.welcome;
  view.starters.replaceChildren(...ui.starters.map(starter));
  const generic = ui.chat_template === "fallback" ? text.fallback : null;
  view.aboutModel.textContent = [ui.model, ui.backend, generic].filter(Boolean).join(" · ");
  refreshControls();
}

function starter(words) {
  const item = document.createElement("li");
  const button = document.createElement("button");
  button.type = "button";
  button.className = "starter";
  button.dir = "auto";
  button.textContent = words;
  button.addEventListener("click", () => send(words));
  item.append(button);
  return item;
}

function showPlace() {
  const here = ["localhost", "127.0.0.1", "[::1]"].includes(location.hostname);
  view.aboutPlace.textContent = here ? text.local : text.remote(location.hostname);
}

function showLoading({ status, progress = 0, detail = "" }) {
  const sentence = { loading: text.loading, restarting: text.restarting, gone: text.gone, failed: text.failed }[status];
  const known = status === "loading" && progress > 0;
  const label = known ? `${sentence} ${Math.round(progress * 100)} %` : [sentence, detail].filter(Boolean).join(" ");
  view.loading.hidden = false;
  view.loading.classList.toggle("bad", status === "failed" || status === "gone");
  view.loadingLabel.textContent = label;
  view.loadingBar.hidden = status === "failed" || status === "gone";
  if (known) view.loadingBar.value = progress;
  else view.loadingBar.removeAttribute("value");
}

function askForKey() {
  view.keyLabel.textContent = view.key.value ? text.wrongKey : text.askKey;
  view.key.value = "";
  view.keyForm.hidden = false;
  view.composer.hidden = true;
  view.loading.hidden = true;
  view.key.focus();
}

function refreshControls() {
  const empty = conversation.length === 0;
  document.body.classList.toggle("empty", empty);
  view.welcome.hidden = !empty || !view.greeting.textContent;
  view.newChat.hidden = empty;
  view.send.disabled = !ready || !view.prompt.value.trim();
  view.send.hidden = Boolean(running);
  view.stop.hidden = !running;
  for (const button of view.starters.querySelectorAll("button")) button.disabled = !ready;
  for (const button of view.log.querySelectorAll(".problem button")) button.disabled = !ready;
}

function growPrompt() {
  view.prompt.style.height = "auto";
  view.prompt.style.height = `${view.prompt.scrollHeight}px`;
}

/** Runs `change`; whoever was reading at the end stays there, whoever scrolled up is left alone. */
function keepingTheEnd(change) {
  const page = document.scrollingElement;
  const atEnd = page.scrollHeight - page.scrollTop - page.clientHeight < 80;
  change();
  if (atEnd) scrollToEnd();
}

function scrollToEnd() {
  const page = document.scrollingElement;
  page.scrollTop = page.scrollHeight;
}

function say(sentence) {
  view.status.textContent = sentence;
}

async function copyText(words, button) {
  await navigator.clipboard.writeText(words);
  button.textContent = text.copied;
  setTimeout(() => (button.textContent = text.copy), 1500);
}

// ── Small things ────────────────────────────────────────────────────────────────────────────────────────────────

function restore() {
  try {
    return JSON.parse(sessionStorage.getItem(STORED) ?? "[]");
  } catch {
    return [];
  }
}

function store() {
  try {
    const kept = [...conversation];
    if (running) kept.push({ ...kept.pop(), note: text.stopped }); // a page that is left stops its answer
    sessionStorage.setItem(STORED, JSON.stringify(kept));
  } catch {
    // No room, or not allowed: the conversation then ends with the page.
  }
}

function oncePerFrame(work) {
  let asked = false;
  return () => {
    if (asked) return;
    asked = true;
    requestAnimationFrame(() => {
      asked = false;
      work();
    });
  };
}

function pause(milliseconds) {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
