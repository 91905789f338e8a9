import { html, useEffect, useId, useRef } from "../vendor/preact.js";
import { t } from "../lib/i18n.js";

/** A modal dialog that asks before a step. Escape and "Cancel" close it. */
export function Dialog({ isOpen, title, confirm, onConfirm, onClose, children }) {
  const dialog = useRef();
  const id = useId();
  useEffect(() => {
    if (isOpen && !dialog.current.open) dialog.current.showModal();
    if (!isOpen && dialog.current.open) dialog.current.close();
  }, [isOpen]);
  return html`<dialog ref=${dialog} aria-labelledby=${id} onClose=${onClose}>
    <article>
      <h2 id=${id}>${title}</h2>
      ${children}
      <footer class="actions">
        <button type="button" class="secondary" onClick=${onClose}>${t("cancel")}</button>
        <button type="button" onClick=${onConfirm}>${confirm}</button>
      </footer>
    </article>
  </dialog>`;
}
