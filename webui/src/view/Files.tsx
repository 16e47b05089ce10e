// Files that go along with the next question.

import type { Signal } from "@preact/signals";
import { useEffect, useState } from "preact/hooks";
import type { Attachment } from "../model/nouns";
import { UnreadableFile, read } from "../text/files";
import { notify } from "../state/view";
import { t } from "../words";
import { IconButton } from "./Button";
import { Icon } from "./icons";

/** Reads files and puts them beside those there are; what cannot be read is told. */
export function useFiles(files: Signal<Attachment[]>): (chosen: readonly File[]) => void {
  const take = async (file: File) => {
    try {
      const text = await read(file);
      files.value = [...files.peek().filter((other) => other.name !== file.name), { name: file.name, text }];
    } catch (error) {
      const { reason, values } = error instanceof UnreadableFile ? error : new UnreadableFile("notText", file.name);
      notify(t(reason, values));
    }
  };
  return (chosen) => chosen.forEach((file) => void take(file));
}

/** Files may be dropped anywhere on the page; whether some are held over it just now. */
export function useDrop(take: (chosen: readonly File[]) => void): boolean {
  const [over, setOver] = useState(false);
  useEffect(() => {
    const holds = (event: DragEvent) => event.dataTransfer?.types.includes("Files") ?? false;
    const held = (event: DragEvent) => {
      if (!holds(event)) return;
      event.preventDefault();
      setOver(true);
    };
    const left = (event: DragEvent) => event.relatedTarget === null && setOver(false);
    const dropped = (event: DragEvent) => {
      if (!holds(event)) return;
      event.preventDefault();
      setOver(false);
      take([...(event.dataTransfer?.files ?? [])]);
    };
    addEventListener("dragover", held);
    addEventListener("dragleave", left);
    addEventListener("drop", dropped);
    return () => {
      removeEventListener("dragover", held);
      removeEventListener("dragleave", left);
      removeEventListener("drop", dropped);
    };
  }, []);
  return over;
}

export function Files({ files }: { files: Signal<Attachment[]> }) {
  if (files.value.length === 0) return null;
  return (
    <ul class="files">
      {files.value.map((file) => (
        <li class="file" key={file.name}>
          <Icon name="file" />
          <span>{file.name}</span>
          <IconButton
            icon="close"
            label={t("removeFile", { name: file.name })}
            onClick={() => (files.value = files.value.filter((other) => other !== file))}
          />
        </li>
      ))}
    </ul>
  );
}
