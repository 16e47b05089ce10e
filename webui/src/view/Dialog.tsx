// A modal dialog: the browser's own, which keeps the focus inside and gives it back.

import type { ComponentChildren } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import { dialog } from "../state/view";
import { t } from "../words";
import { IconButton } from "./Button";

export function Dialog({ title, children }: { title: string; children: ComponentChildren }) {
  const element = useRef<HTMLDialogElement>(null);
  useLayoutEffect(() => {
    const opener = document.activeElement as HTMLElement | null;
    element.current?.showModal();
    return () => opener?.focus();
  }, []);
  const leave = () => element.current?.close();
  return (
    <dialog
      ref={element}
      aria-labelledby="dialog-title"
      onClose={() => (dialog.value = null)}
      onClick={(event) => event.target === element.current && leave()}
    >
      <div class="sheet">
        <header class="row">
          <h2 id="dialog-title">{title}</h2>
          <IconButton icon="close" label={t("close")} onClick={leave} />
        </header>
        <div class="body" tabIndex={0} role="group" aria-labelledby="dialog-title">
          {children}
        </div>
      </div>
    </dialog>
  );
}
