// Form fields with their label, hint and error, and a form that shows the API's errors beside them.

import { html, useEffect, useId, useRef, useSignal } from "../vendor/preact.js";
import { ApiError } from "../lib/api.js";
import { t } from "../lib/i18n.js";

/**
 * A labelled control. `name` is the path in the body, as "assets.0.amount".
 * @param {{name: string, label: string, hint?: string, errors?: object, as?: string, prefix?: string}} props
 */
export function Field({ name, label, hint, errors = {}, as = "input", prefix, children, ...control }) {
  const id = useId();
  const error = errors[name];
  const described = [hint && `${id}-hint`, error && `${id}-error`].filter(Boolean).join(" ");
  const input = html`<${as} id=${id} name=${name} aria-invalid=${error ? "true" : undefined}
    aria-describedby=${described || undefined} ...${control}>${children}</${as}>`;
  return html`<div class="field">
    <label for=${id}>${label}</label>
    ${prefix ? html`<div class="prefixed"><span aria-hidden="true">${prefix}</span>${input}</div>` : input}
    ${hint && html`<small id=${`${id}-hint`}>${hint}</small>`}
    ${error && html`<p class="error" id=${`${id}-error`}>${error}</p>`}
  </div>`;
}

/** An amount in `currency`. Its value stays text, so that nothing is rounded on the way. */
export const MoneyField = ({ currency, ...field }) =>
  html`<${Field} inputmode="decimal" autocomplete="off" dir="ltr" prefix=${currency} ...${field} />`;

export const SelectField = ({ options, value, onInput, onChange = onInput, ...field }) =>
  html`<${Field} as="select" value=${value} onChange=${onChange} ...${field}>
    ${options.map(([key, label]) => html`<option value=${key} selected=${key === value}>${label}</option>`)}
  </${Field}>`;

export function CheckField({ label, ...control }) {
  return html`<label class="check"><input type="checkbox" ...${control} /> <span>${label}</span></label>`;
}

/** A choice of few, as buttons of which one is pressed. */
export function Choice({ label, name, options, value, onChange }) {
  return html`<fieldset class="choice">
    <legend>${label}</legend>
    ${options.map(
      ([key, text]) => html`<label class=${key === value ? "chosen" : ""}>
        <input type="radio" name=${name} value=${key} checked=${key === value} onChange=${() => onChange(key)} />
        <span>${text}</span>
      </label>`,
    )}
  </fieldset>`;
}

/** Write an amount as typed ("1,234.50", or with Arabic digits) in the form of the API. */
export function normalizeAmount(text) {
  const western = text.replace(/[٠-٩]/g, (digit) => digit.charCodeAt(0) - 0x660).replace(/٫/g, ".");
  return western.replace(/[,٬\s]/g, "");
}

/** Return what a person can do about `error`. */
export function describeError(error) {
  if (!(error instanceof ApiError)) return t("error-unexpected");
  if (error.code === "OFFLINE") return t("error-offline");
  if (error.code === "RATE_LIMITED") return t("error-busy", { seconds: error.retryAfter || 60 });
  return error.message || t("error-unexpected");
}

/** The state of a form: the error of the last attempt, and whether one is under way. */
export function useForm(send) {
  const error = useSignal(null);
  const isSending = useSignal(false);
  const submit = async (event) => {
    event?.preventDefault();
    if (isSending.value) return;
    isSending.value = true;
    try {
      await send();
      error.value = null;
    } catch (failure) {
      error.value = failure;
    } finally {
      isSending.value = false;
    }
  };
  return { submit, error: error.value, errors: error.value?.fields || {}, isSending: isSending.value };
}

/** What failed, with the fields that have to change; it takes the focus, so that it is read out. */
export function ErrorSummary({ error }) {
  const box = useRef();
  useEffect(() => {
    if (error) box.current?.focus();
  }, [error]);
  if (!error) return null;
  const fields = Object.entries(error.fields || {});
  const show = (name) => (event) => {
    event.preventDefault();
    box.current.closest("form")?.elements.namedItem(name)?.focus();
  };
  return html`<div class="summary" role="alert" tabindex="-1" ref=${box}>
    <p><strong>${describeError(error)}</strong></p>
    ${fields.length > 0 && html`<ul>
      ${fields.map(([name, message]) => html`<li><a href=${`#${name}`} onClick=${show(name)}>${labelOf(box, name)}${message}</a></li>`)}
    </ul>`}
  </div>`;
}

function labelOf(box, name) {
  const control = document.forms[0] && [...document.forms].map((form) => form.elements.namedItem(name)).find(Boolean);
  const label = control?.labels?.[0]?.textContent;
  return label ? `${label}: ` : "";
}

/** A button that says that its work is under way, and keeps its width. */
export const SubmitButton = ({ isSending, children }) =>
  html`<button type="submit" aria-busy=${isSending ? "true" : undefined} aria-disabled=${isSending}>${children}</button>`;
