import { html } from "../../vendor/preact.js";
import { AskButton } from "../../components/ask.js";
import { Card, Figures } from "../../components/card.js";
import { Field, MoneyField, SelectField, normalizeAmount } from "../../components/fields.js";
import { FormCard, useFields } from "../../components/form-card.js";
import { Heading } from "../../components/heading.js";
import { List } from "../../components/list.js";
import { notify } from "../../components/toast.js";
import { remove } from "../../lib/api.js";
import { formatDate, formatMoney, today } from "../../lib/format.js";
import { t } from "../../lib/i18n.js";
import { useList } from "../../lib/list.js";
import { config } from "../../lib/session.js";
import { useStep } from "../../lib/step.js";

export const title = "account-obligations";

/** The recipients of at-Tawbah 60. */
const CATEGORIES = ["poor", "needy", "collectors", "reconciled_hearts", "captives", "debtors", "cause_of_allah", "travelers"];

export default function Obligations() {
  const list = useList("/zakat/obligations");
  const hint = html`<a href="/dashboard/account/zakat">${t("account-obligations-hint")}</a>`;
  return html`<${Heading} intro=${t("account-obligations-intro")}>${t("account-obligations")}</${Heading}>
    <${List} list=${list} empty=${t("account-no-obligations")} hint=${hint}>
      ${(rows) => rows.map((row) => html`<${Obligation} key=${row.id} obligation=${row} onChange=${list.reload} />`)}
    </${List}>`;
}

function Obligation({ obligation, onChange }) {
  const { id, hijriYear, currency, due, paid, remaining, dueOn, payments } = obligation;
  const money = (amount) => formatMoney(amount, currency);
  const destroy = async () => {
    await remove(`/zakat/obligations/${id}`);
    onChange();
  };
  return html`<${Card} title=${t("account-obligation", { year: String(hijriYear) })}>
    <${Figures} items=${[[t("account-obligation-due"), money(due)], [t("account-obligation-paid"), money(paid)], [t("account-obligation-remaining"), money(remaining)], [t("due-date"), formatDate(dueOn)]]} />
    <ul class="lines">${payments.map((payment) => html`<${Payment} key=${payment.id} obligation=${obligation} payment=${payment} onChange=${onChange} />`)}</ul>
    ${remaining > 0 && html`<details class="category"><summary><h3>${t("account-record-payment")}</h3></summary><${Record} obligation=${obligation} onChange=${onChange} /></details>`}
    ${payments.length === 0 && html`<${AskButton} class="plain" label=${t("account-delete")} title=${t("account-obligation", { year: String(hijriYear) })} onConfirm=${destroy}>${t("account-obligation-delete")}</${AskButton}>`}
  </${Card}>`;
}

function Payment({ obligation, payment: { id, amount, paidOn, recipient, category, reference }, onChange }) {
  const destroy = async () => {
    await remove(`/zakat/obligations/${obligation.id}/payments/${id}`);
    onChange();
  };
  const day = formatDate(paidOn);
  return html`<li><div><time datetime=${paidOn}>${day}</time> <strong>${formatMoney(amount, obligation.currency)}</strong>
    ${category && html`<span>${t(`account-category-${category}`)}</span>`} ${recipient && html`<bdi>${recipient}</bdi>`} ${reference && html`<bdi>${reference}</bdi>`}</div>
    <${AskButton} class="plain" label=${t("account-delete")} title=${t("account-payment-delete", { day })} onConfirm=${destroy}>${t("account-not-undone")}</${AskButton}>
  </li>`;
}

function Record({ obligation: { id, currency, remaining }, onChange }) {
  const send = useStep();
  const initial = { amount: String(remaining), paidOn: today(config.value.timeZone), category: "", recipient: "", reference: "" };
  const { form, field } = useFields(initial, async (values) => {
    const filled = Object.entries(values).filter(([, value]) => value.trim());
    await send(`/zakat/obligations/${id}/payments`, { ...Object.fromEntries(filled), amount: normalizeAmount(values.amount) });
    notify(t("account-payment-recorded"));
    onChange();
  });
  const options = [["", t("account-category-none")], ...CATEGORIES.map((name) => [name, t(`account-category-${name}`)])];
  return html`<${FormCard} form=${form} action=${t("account-record-payment")}>
    <${MoneyField} currency=${currency} label=${t("amount")} ...${field("amount")} />
    <${Field} type="date" label=${t("account-paid-on")} ...${field("paidOn")} />
    <${SelectField} label=${t("account-category")} options=${options} ...${field("category")} />
    <${Field} label=${t("account-recipient")} hint=${t("optional")} dir="auto" ...${field("recipient")} />
    <${Field} label=${t("account-reference")} hint=${t("optional")} dir="auto" ...${field("reference")} />
  </${FormCard}>`;
}
