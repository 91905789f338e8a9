// A button whose step asks first.

import { html, useSignal } from "../vendor/preact.js";
import { Dialog } from "./dialog.js";
import { ErrorSummary, useForm } from "./fields.js";

/** `children` say what the step does and whether it can be undone; a failure is shown in the dialog. */
export function AskButton({ label, title = label, onConfirm, children, ...button }) {
  const isOpen = useSignal(false);
  const close = () => (isOpen.value = false);
  const form = useForm(async () => {
    await onConfirm();
    close();
  });
  return html`<button type="button" class="secondary" ...${button} onClick=${() => (isOpen.value = true)}>${label}</button>
    <${Dialog} isOpen=${isOpen.value} title=${title} confirm=${label} onConfirm=${form.submit} onClose=${close}>
      <${ErrorSummary} error=${form.error} />
      <p>${children}</p>
    </${Dialog}>`;
}
