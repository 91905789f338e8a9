import { html, useSignal } from "../../vendor/preact.js";
import { AskButton } from "../../components/ask.js";
import { Card } from "../../components/card.js";
import { CheckField, ErrorSummary, Field, SelectField, SubmitButton, useForm } from "../../components/fields.js";
import { Heading } from "../../components/heading.js";
import { List } from "../../components/list.js";
import { notify } from "../../components/toast.js";
import { patch } from "../../lib/api.js";
import { download } from "../../lib/files.js";
import { formatDate, formatMoney, today } from "../../lib/format.js";
import { language, t } from "../../lib/i18n.js";
import { useList } from "../../lib/list.js";
import { config, user } from "../../lib/session.js";
import { useStep } from "../../lib/step.js";

export const title = "account-gifts";
const CHANGEABLE = ["pending", "succeeded"]; // those that the public may see

export default function Gifts() {
  const list = useList("/waqf/donations");
  return html`<${Heading} intro=${t("account-gifts-intro")}>${t("account-gifts")}</${Heading}>
    <${YearReceipt} />
    <${List} list=${list} empty=${t("account-no-gifts")} hint=${html`<a href="/dashboard">${t("account-give")}</a>`}>
      ${(rows) => html`<ul class="lines">${rows.map((gift) => html`<${Gift} key=${gift.id} gift=${gift} onChange=${list.reload} />`)}</ul>`}
    </${List}>`;
}

/** The receipt of a year's gifts, for any year since the account began. */
function YearReceipt() {
  const now = Number(today(config.value.timeZone).slice(0, 4));
  const first = Number(user.peek().createdAt.slice(0, 4));
  const years = Array.from({ length: now - first + 1 }, (_, index) => String(now - index));
  const year = useSignal(String(now));
  const form = useForm(() => download("/waqf/donations/receipt", { year: year.value }));
  return html`<${Card} title=${t("account-year-receipt")}><form onSubmit=${form.submit}>
    <${ErrorSummary} error=${form.error} />
    <div class="filters"><${SelectField} name="year" label=${t("account-of-year")} value=${year.value} options=${years.map((name) => [name, name])} onChange=${(event) => (year.value = event.target.value)} errors=${form.errors} /></div>
    <${SubmitButton} isSending=${form.isSending}>${t("download-pdf")}</${SubmitButton}>
  </form></${Card}>`;
}

function Gift({ gift, onChange }) {
  const isEditing = useSignal(false);
  const send = useStep();
  const { id, status, dedication, message, payment } = gift;
  const day = gift.paidAt || gift.createdAt;
  const state = status === "pending" && payment?.status === "processing" ? "processing" : status;
  const withdraw = async () => {
    await send(`/waqf/donations/${id}/cancel`);
    onChange();
  };
  const close = () => ((isEditing.value = false), onChange());
  return html`<li>
    <div><strong>${formatMoney(gift.amount, gift.currency)}</strong> <a class="target" href=${`/dashboard/projects/${gift.projectId}`}><bdi>${gift.projectName}</bdi></a>
      <span>${t(`account-gift-${state}`)}</span> <time datetime=${day}>${formatDate(day)}</time></div>
    <small>${gift.isAnonymous && html`${t("account-is-anonymous")} · `}${dedication && html`${t(`account-dedication-${dedication.kind}`)}: <bdi>${dedication.name}</bdi> · `}
      ${gift.refundedAmount > 0 && `${t("refunded")} ${formatMoney(gift.refundedAmount, gift.currency)} · `}${gift.disputed && `${t("entry-dispute")} · `}
      ${message && html`<q dir="auto">${message}</q>`}${message && gift.messageHidden && ` (${t("account-hidden")})`}</small>
    <div class="actions start">
      ${gift.receiptNumber && html`<a class="target" href=${`/api/waqf/donations/${id}/receipt?lang=${language.value}`} download>${t("account-receipt", { number: gift.receiptNumber })}</a>`}
      ${CHANGEABLE.includes(status) && html`<button type="button" class="plain" aria-expanded=${isEditing.value} onClick=${() => (isEditing.value = !isEditing.value)}>${t("account-change")}</button>`}
      ${state === "pending" && html`<${AskButton} label=${t("account-withdraw-gift")} onConfirm=${withdraw}>${t("account-withdraw-gift-hint")}</${AskButton}>`}
    </div>
    ${isEditing.value && html`<${GiftForm} gift=${gift} onDone=${close} />`}
  </li>`;
}

function GiftForm({ gift, onDone }) {
  const values = useSignal({ isAnonymous: gift.isAnonymous, kind: gift.dedication?.kind || "", name: gift.dedication?.name || "", message: gift.message || "" });
  const { isAnonymous, kind, name, message } = values.value;
  const set = (field) => (event) => (values.value = { ...values.value, [field]: event.target.type === "checkbox" ? event.target.checked : event.target.value });
  const form = useForm(async () => {
    await patch(`/waqf/donations/${gift.id}`, { isAnonymous, dedication: kind ? { kind, name } : null, message: message.trim() || null });
    notify(t("account-changed"));
    onDone();
  });
  const kinds = [["", t("account-no-dedication")], ...["on_behalf", "in_memory", "in_honor"].map((key) => [key, t(`account-dedication-${key}`)])];
  return html`<form onSubmit=${form.submit} novalidate>
    <${ErrorSummary} error=${form.error} />
    <${CheckField} name="isAnonymous" label=${t("account-anonymous")} checked=${isAnonymous} onChange=${set("isAnonymous")} />
    <${SelectField} name="dedication.kind" label=${t("account-dedication")} options=${kinds} value=${kind} onChange=${set("kind")} errors=${form.errors} />
    ${kind && html`<${Field} name="dedication.name" label=${t("name")} dir="auto" value=${name} onInput=${set("name")} errors=${form.errors} />`}
    <${Field} as="textarea" name="message" label=${t("account-message")} hint=${t("account-message-hint")} dir="auto" value=${message} onInput=${set("message")} errors=${form.errors} />
    <${SubmitButton} isSending=${form.isSending}>${t("account-save")}</${SubmitButton}>
  </form>`;
}
