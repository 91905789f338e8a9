// A card with a form, and the state of its text fields.

import { html, useSignal } from "../vendor/preact.js";
import { Card } from "./card.js";
import { ErrorSummary, SubmitButton, useForm } from "./fields.js";

/** A card with a form; `children` are its fields. */
export const FormCard = ({ title, form, action, children }) =>
  html`<${Card} title=${title}><form onSubmit=${form.submit} novalidate>
    <${ErrorSummary} error=${form.error} />
    ${children}
    <${SubmitButton} isSending=${form.isSending}>${action}</${SubmitButton}>
  </form></${Card}>`;

/** The state of a form with text fields: its values, and `field(name)` for each. */
export function useFields(initial, send) {
  const values = useSignal(initial);
  const change = (event) => (values.value = { ...values.value, [event.target.name]: event.target.value });
  const form = useForm(async () => {
    await send(values.value);
  });
  return { form, field: (name) => ({ name, value: values.value[name], onInput: change, errors: form.errors }), clear: () => (values.value = initial) };
}
