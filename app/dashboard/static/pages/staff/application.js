import { html } from "../../vendor/preact.js";
import { ApplicationSteps } from "../../components/application-steps.js";
import { Card, Figures } from "../../components/card.js";
import { Documents } from "../../components/documents.js";
import { FilteredList, TwoLines, named } from "../../components/filtered-list.js";
import { Heading } from "../../components/heading.js";
import { Loaded, Reversible } from "../../components/staff.js";
import { Table } from "../../components/table.js";
import { daysUntil, formatDate, formatMoney, formatPercent } from "../../lib/format.js";
import { t } from "../../lib/i18n.js";
import { config, user } from "../../lib/session.js";

export const title = "staff-application";
const REVERSIBLE = ["acquired", "active", "completed", "cancelled", "expired"]; // the states in which receipts are

export default function ApplicationPage({ id }) {
  const path = `/murabaha/applications/${encodeURIComponent(id)}`;
  return html`<${Loaded} title=${t(title)} path=${path} list="/receipts">${(loaded) => {
    const { item, version, step } = loaded;
    const isOwn = item.userId === user.value.id;
    const reversal = (receipt) => !isOwn && REVERSIBLE.includes(item.status) && { path: `${path}/receipts/${receipt.id}/reverse`, act: ["reverse_receipt", receipt.id] };
    return html`<p class="tag">${named(item.status)}</p>
      <${Heading} intro=${html`<span dir="auto">${item.itemDescription}</span>`}>${item.applicationNumber}</${Heading}>
      <div class="columns">
        <${Facts} ...${item} />
        <section aria-label=${t("staff-steps")}>${isOwn ? html`<p class="banner">${t("staff-own-hint")}</p>` : html`<${ApplicationSteps} ...${loaded} />`}</section>
      </div>
      ${item.contract && html`<${Contract} ...${item} path=${path} />`}
      <${Reversible} title=${t("staff-receipts")} path=${`${path}/receipts`} version=${version} step=${step} reversal=${reversal}
        text=${({ kind, method, reference }) => html`<${TwoLines} small=${`${named(method)} · ${reference}`}>${named(kind)}</${TwoLines}>`} />
      <${History} path=${path} currency=${item.currency} version=${version} />`;
  }}</${Loaded}>`;
}

const Contact = ({ name, email, phone }) =>
  html`<bdi>${name}</bdi>${email && html`<br /><a href=${`mailto:${email}`}>${email}</a>`}${phone && html`<br /><a href=${`tel:${phone}`} dir="ltr">${phone}</a>`}`;

function Facts({ applicant, vendor, requestedAmount, downPayment, termMonths, currency, documents, createdAt }) {
  const figures = [
    [t("staff-applicant"), html`<${Contact} ...${applicant ?? { name: t("staff-own") }} />`],
    [t("staff-vendor"), html`<${Contact} ...${vendor} />`],
    [t("staff-requested"), formatMoney(requestedAmount, currency)],
    [t("murabaha-downPayment"), formatMoney(downPayment, currency)],
    [t("murabaha-termMonths"), termMonths],
    [t("date"), formatDate(createdAt)],
  ];
  return html`<${Card} title=${t("staff-goods")}>
    <${Figures} items=${figures} />
    <h3>${t("staff-documents")}</h3>
    ${documents.length ? html`<${Documents} names=${documents} />` : t("staff-none")}
  </${Card}>`;
}

function Contract({ path, currency, contract, installments }) {
  const money = (amount) => formatMoney(amount, currency);
  const { acceptedAt, expiresAt, acquiredOn, rebate } = contract;
  const figures = [
    ...["cost", "profit", "downPayment"].map((name) => [t(`murabaha-${name}`), money(contract[name])]),
    [t("murabaha-rate"), formatPercent(contract.profitRate, 2)],
    [t("murabaha-price"), money(contract.sellingPrice)],
    [t("staff-financed"), money(contract.financed)],
    [t("staff-down-payment-paid"), money(contract.downPaymentPaid)],
    acceptedAt ? [t("staff-accepted"), formatDate(acceptedAt)] : [t("staff-expires"), formatDate(expiresAt)],
    acquiredOn && [t("staff-field", { name: "acquiredOn" }), formatDate(acquiredOn)],
    rebate > 0 && [t("staff-field", { name: "rebate" }), money(rebate)],
  ];
  const stateOf = ({ status, dueDate }) => (status === "overdue" ? t("staff-overdue", { count: -daysUntil(dueDate, config.value.timeZone) }) : named(status));
  return html`<${Card} title=${t("staff-contract")}>
    <${Figures} items=${figures.filter(Boolean)} />
    <p class="links"><a href=${`/api${path}/agreement`} download>${t("staff-agreement")}</a>
      ${acceptedAt && html`<a href=${`/api${path}/statement`} download>${t("staff-statement")}</a>`} <a href=${`/api${path}/evidence/report`} download>${t("staff-evidence")}</a></p>
    ${installments.length > 0 && html`<${Table} label=${t("schedule")} columns=${[[t("number")], [t("due-date")], [t("amount"), "number"], [t("staff-paid"), "number"], [t("staff-status")]]}
      rows=${installments.map((item) => [item.number, formatDate(item.dueDate), money(item.amount), money(item.paidAmount), stateOf(item)])} />`}
  </${Card}>`;
}

/** The events; those that change the state are named by the new one. */
function History({ path, currency, version }) {
  const describe = ({ amount, sellingPrice, rebate, method, reference, invoice, reason }) => {
    const sum = amount ?? sellingPrice ?? rebate;
    return [sum && formatMoney(sum, currency), method && named(method), invoice, reference, reason].filter(Boolean).join(" · ");
  };
  return html`<${Card} title=${t("staff-history")}>
    <${FilteredList} path=${`${path}/history`} label=${t("staff-history")} version=${version} columns=${[[t("date")], [t("entry")]]}
      row=${({ at, from, to, action, facts }) => [
        formatDate(at, { dateStyle: "medium", timeStyle: "short" }),
        html`<${TwoLines} small=${describe(facts)}>${from === to ? t("staff-action", { action }) : named(to)}</${TwoLines}>${facts.evidence && html`<${Documents} names=${[facts.evidence]} />`}`,
      ]} />
  </${Card}>`;
}
