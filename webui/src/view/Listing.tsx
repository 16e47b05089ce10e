// Code with its language, a button to copy it, and colours once they are loaded.

import type { Element, Root, Text } from "hast";
import { type ComponentChildren, h } from "preact";
import { useMemo } from "preact/hooks";
import { t } from "../words";
import { useCopy } from "./copying";
import { IconButton } from "./Button";
import { useChunk } from "./chunks";

const LONGEST = 30_000; // characters; longer code has one colour
const LONG = 5_000; // from here on it is laid out only where it is seen
const LONGEST_GROWING = 6_000; // while it is being written, it is coloured again with every word

interface Props {
  text: string;
  language: string;
  growing: boolean;
}

export function Listing({ text, language, growing }: Props) {
  const [copied, copyIt] = useCopy(() => text);
  const wanted = language !== "" && text.length <= (growing ? LONGEST_GROWING : LONGEST);
  const colours = useChunk("colours", wanted);
  const tree = useMemo(() => (wanted && colours ? colours.highlight(text, language) : null), [text, language, wanted, colours]);
  return (
    <figure class={text.length > LONG ? "listing long" : "listing"} dir="ltr">
      <figcaption>
        <span>{language}</span>
        <IconButton icon={copied ? "done" : "copy"} label={t(copied ? "copied" : "copyCode")} onClick={copyIt} />
      </figcaption>
      <pre tabIndex={0}>
        <code>{tree ? coloured(tree.children) : text}</code>
      </pre>
    </figure>
  );
}

function coloured(nodes: (Root | Element)["children"]): ComponentChildren {
  return nodes.map((node, index) => {
    if (node.type === "text") return (node as Text).value;
    if (node.type !== "element") return null;
    const names = node.properties["className"];
    return h("span", { key: index, class: Array.isArray(names) ? names.join(" ") : undefined }, coloured(node.children));
  });
}
