// A step that is sent to the API by a form, which has its fields by name and kind.

import { html, useMemo, useSignal } from "../vendor/preact.js";
import { makeIdempotencyKey, post, request } from "../lib/api.js";
import { t } from "../lib/i18n.js";
import { user } from "../lib/session.js";
import { Dialog } from "./dialog.js";
import { CheckField, ErrorSummary, Field, MoneyField, SelectField, SubmitButton, fractionOf, normalizeAmount, useForm } from "./fields.js";
import { notify } from "./toast.js";

const TO_JSON = { money: normalizeAmount, percent: fractionOf, number: (text) => Number(normalizeAmount(text)) || text };
const TYPED = { inputmode: "decimal", dir: "ltr", autocomplete: "off" };
const CONTROLS = { area: { as: "textarea", rows: 3 }, percent: { ...TYPED, prefix: "%" }, number: TYPED };

/** Write a value of the API as it is typed: the fraction 0.15 as 15 percent. */
function textOf(value, kind) {
  if (kind === "percent" && value) return String(Number((value * 100).toFixed(6)));
  return typeof value === "number" ? String(value) : value ?? "";
}

/** Return the body of the fields' values without empty ones, or of a PATCH without those that are as `before`. */
async function bodyOf(fields, values, before, upload) {
  const body = {};
  for (const [name, kind] of fields) {
    const value = values[name];
    if (value === (before ? before[name] : "")) continue;
    const [outer, inner] = name.split(".");
    const sent = value === "" ? null : kind === "file" ? await upload(value) : TO_JSON[kind]?.(value) ?? value;
    if (inner) (body[outer] ??= {})[inner] = sent;
    else body[name] = sent;
  }
  return body;
}

function uploadWith(keyOf) {
  return async (file) => {
    const form = new FormData();
    form.append("file", file);
    return (await post("/upload", form, { key: keyOf([file.name, file.size, file.lastModified]) })).filename;
  };
}

/**
 * The form of a step: `fields` ([name, kind, properties]) with their `initial` values, or a `fixed` body. `tag` is the ETag
 * of what it changes, `ask` the text of a dialog before, `preview(values)` what is shown while one types. After a
 * conflict what was typed stays. `act` is its name in `approvals`: another person's request for it fills the form.
 */
export function StepForm({ label, method = "POST", path, fields = [], initial, fixed, tag, currency, ask, act, approvals, preview, onDone, onConflict }) {
  const typed = useSignal({});
  const isAsking = useSignal(false);
  const [keyOf, upload] = useMemo(() => [makeIdempotencyKey(), uploadWith(makeIdempotencyKey())], []);
  const approval = act && approvals.find(({ action, subjectId }) => action === act[0] && subjectId === act[1]);
  const given = { ...initial, ...approval?.request };
  const before = Object.fromEntries(fields.map(([name, kind]) => [name, textOf(given[name], kind)]));
  const values = { ...before, ...typed.value };
  const { submit, error, errors, isSending } = useForm(async () => {
    const body = { ...fixed, ...(await bodyOf(fields, values, method === "PATCH" && before, upload)) };
    const options = { headers: tag ? { "If-Match": tag } : {} };
    if (method !== "DELETE" || fields.length) options.body = body;
    if (method === "POST") options.key = keyOf([path, tag, body]);
    try {
      const answer = await request(method, path, options);
      typed.value = {};
      notify(answer?.approval ? t("staff-waits") : t("staff-done"));
      onDone(answer);
    } catch (failure) {
      if (failure.status === 412) {
        if (method === "POST") typed.value = values; // also what the form proposed, which may change now
        failure.message = t("staff-conflict");
        onConflict();
      }
      throw failure;
    }
  });
  const start = (event) => {
    event.preventDefault();
    if (ask) isAsking.value = true;
    else submit();
  };
  const close = () => (isAsking.value = false);
  const set = (name, value) => (typed.value = { ...typed.value, [name]: value });
  return html`<form onSubmit=${start} novalidate>
    ${approval && html`<p class="banner">${approval.requestedBy === user.value.id ? t("staff-waits") : t("staff-confirm")}</p>`}
    <${ErrorSummary} error=${error} />
    ${fields.map(([name, kind, rest]) => html`<${StepField} key=${name} ...${{ name, kind, value: values[name], currency, errors, set, ...rest }} />`)}
    ${preview?.(values)}
    <${SubmitButton} isSending=${isSending}>${label}</${SubmitButton}>
    ${ask && html`<${Dialog} isOpen=${isAsking.value} title=${label} confirm=${label} onConfirm=${() => (close(), submit())} onClose=${close}><p>${ask}</p></${Dialog}>`}
  </form>`;
}

function StepField({ kind, value, set, currency, ...rest }) {
  const { name } = rest;
  const field = { label: t("staff-field", { name }), ...rest };
  const onInput = ({ target }) => set(name, target.value);
  if (kind === "check") return html`<${CheckField} name=${name} label=${field.label} checked=${Boolean(value)} onChange=${({ target }) => set(name, target.checked)} />`;
  if (kind === "file") return html`<${Field} type="file" ...${field} onChange=${({ target }) => set(name, target.files[0] ?? "")} />`;
  if (kind === "select") return html`<${SelectField} value=${value} ...${field} onChange=${onInput} />`;
  if (kind === "money") field.currency = currency;
  return html`<${kind === "money" ? MoneyField : Field} value=${value} ...${CONTROLS[kind] || { type: kind }} ...${field} onInput=${onInput} />`;
}

/** A step that opens; of those beside one another one is open. */
export const Step = ({ isOpen, ...form }) =>
  html`<details class="category" name="step" open=${isOpen}><summary><h2>${form.label}</h2></summary><${StepForm} ...${form} /></details>`;
