// A small Markdown made of DOM nodes only: no string of the model ever becomes HTML, so nothing in it can run.
//
// While an answer streams, only blocks whose source changed are made again; what has been read stays where it is.

const FENCE = /^ {0,3}(`{3,}|~{3,})\s*([^\s`]*).*$/;
const HEADING = /^ {0,3}(#{1,6})\s+(.+?)\s*#*\s*$/;
const RULE = /^ {0,3}([-*_])(\s*\1){2,}\s*$/;
const QUOTE = /^ {0,3}> ?/;
const ITEM = /^(\s*)([-*+]|\d{1,9}[.)])\s+(.*)$/;
const INLINE = /(`+)(.+?)\1(?!`)|\*\*(?=\S)(.+?)(?<=\S)\*\*|__(?=\S)(.+?)(?<=\S)__|(?<![\w*])\*(?=[^\s*])(.+?)(?<=[^\s*])\*(?![\w*])/s;
const MAX_DEPTH = 8;

/** Makes `container` show `source`, keeping the nodes of every block that did not change. */
export function renderInto(container, source, options = {}) {
  const blocks = split(source);
  const known = container.sources ?? [];
  const sources = blocks.map((block) => JSON.stringify(block));
  sources.forEach((text, index) => {
    if (text === known[index]) return;
    const node = build(blocks[index], options);
    if (index < container.children.length) container.children[index].replaceWith(node);
    else container.append(node);
  });
  while (container.children.length > blocks.length) container.lastElementChild.remove();
  container.sources = sources;
}

/** The blocks of a text: `{kind, …}` in order. */
export function split(source) {
  const lines = source.replace(/\r\n?/g, "\n").split("\n");
  const blocks = [];
  let at = 0;
  while (at < lines.length) {
    const line = lines[at];
    const fence = FENCE.exec(line);
    const heading = HEADING.exec(line);
    if (!line.trim()) {
      at += 1;
    } else if (fence) {
      const code = [];
      const end = new RegExp(`^ {0,3}${fence[1][0]}{${fence[1].length},}\\s*$`);
      for (at += 1; at < lines.length && !end.test(lines[at]); at += 1) code.push(lines[at]);
      at += 1;
      blocks.push({ kind: "code", language: fence[2], text: code.join("\n") });
    } else if (heading) {
      blocks.push({ kind: "heading", level: heading[1].length, text: heading[2] });
      at += 1;
    } else if (RULE.test(line)) {
      blocks.push({ kind: "rule" });
      at += 1;
    } else if (QUOTE.test(line)) {
      const quoted = [];
      for (; at < lines.length && QUOTE.test(lines[at]); at += 1) quoted.push(lines[at].replace(QUOTE, ""));
      blocks.push({ kind: "quote", text: quoted.join("\n") });
    } else if (ITEM.test(line)) {
      const list = [];
      for (; at < lines.length && belongsToList(lines, at); at += 1) list.push(lines[at]);
      blocks.push({ kind: "list", lines: list });
    } else {
      const paragraph = [];
      for (; at < lines.length && lines[at].trim() && !interrupts(lines[at]); at += 1) paragraph.push(lines[at]);
      blocks.push({ kind: "paragraph", text: paragraph.join("\n") });
    }
  }
  return blocks;
}

function interrupts(line) {
  return FENCE.test(line) || HEADING.test(line) || RULE.test(line) || QUOTE.test(line) || ITEM.test(line);
}

function belongsToList(lines, at) {
  const line = lines[at];
  if (ITEM.test(line) && !RULE.test(line)) return true;
  if (line.trim()) return /^\s{2,}\S/.test(line) || (lines[at - 1].trim() !== "" && !interrupts(line));
  const next = lines[at + 1] ?? "";
  return ITEM.test(next) || /^\s{2,}\S/.test(next);
}

function build(block, options, depth = 0) {
  switch (block.kind) {
    case "code":
      return codeBlock(block, options);
    case "heading":
      return withInline(element(`h${Math.min(block.level + 2, 6)}`), block.text);
    case "rule":
      return element("hr");
    case "quote":
      return withBlocks(element("blockquote"), block.text, options, depth);
    case "list":
      return list(block.lines, options, depth);
    default:
      return withInline(element("p"), block.text);
  }
}

function codeBlock({ language, text }, { onCopy }) {
  const frame = element("div", "code");
  const head = element("div", "code-head");
  const name = element("span");
  name.textContent = language;
  head.append(name);
  if (onCopy) {
    const button = element("button", "quiet");
    button.type = "button";
    button.textContent = onCopy.label;
    button.addEventListener("click", () => onCopy.copy(text, button));
    head.append(button);
  }
  const pre = element("pre");
  pre.dir = "ltr";
  pre.tabIndex = 0;
  const code = element("code");
  code.textContent = text;
  pre.append(code);
  frame.append(head, pre);
  return frame;
}

function list(lines, options, depth) {
  const first = ITEM.exec(lines[0]);
  const base = first[1].length;
  const ordered = /\d/.test(first[2]);
  const node = element(ordered ? "ol" : "ul");
  if (ordered) node.start = Number.parseInt(first[2], 10);
  node.dir = "auto";
  let item = null;
  const close = () => {
    if (item === null) return;
    const entry = element("li");
    const [head, ...rest] = split(dedent(item));
    if (head?.kind === "paragraph") withInline(entry, head.text);
    else if (head) rest.unshift(head);
    for (const block of rest) entry.append(depth < MAX_DEPTH ? build(block, options, depth + 1) : plain(item));
    node.append(entry);
  };
  for (const line of lines) {
    const match = ITEM.exec(line);
    if (match && match[1].length <= base + 1) {
      close();
      item = [match[3]];
    } else {
      item.push(line);
    }
  }
  close();
  return node;
}

function dedent([head, ...rest]) {
  const depths = rest.filter((line) => line.trim()).map((line) => line.length - line.trimStart().length);
  const depth = Math.min(...depths, 8);
  return [head, ...rest.map((line) => line.slice(depth))].join("\n");
}

function withBlocks(node, source, options, depth) {
  if (depth >= MAX_DEPTH) node.append(plain([source]));
  else for (const block of split(source)) node.append(build(block, options, depth + 1));
  return node;
}

function plain(lines) {
  const node = element("p");
  node.textContent = lines.join("\n");
  return node;
}

function withInline(node, source, depth = 0) {
  node.dir = "auto";
  inline(node, source, depth);
  return node;
}

function inline(node, source, depth) {
  let rest = source;
  while (rest) {
    const match = depth < MAX_DEPTH ? INLINE.exec(rest) : null;
    if (!match) break;
    node.append(rest.slice(0, match.index));
    const [whole, ticks, code, strong, strongToo, emphasis] = match;
    const child = element(ticks ? "code" : strong ?? strongToo ? "strong" : "em");
    if (ticks) child.textContent = code.trim() || code;
    else inline(child, strong ?? strongToo ?? emphasis, depth + 1);
    node.append(child);
    rest = rest.slice(match.index + whole.length);
  }
  node.append(rest);
}

function element(name, className = "") {
  const node = document.createElement(name);
  if (className) node.className = className;
  return node;
}
