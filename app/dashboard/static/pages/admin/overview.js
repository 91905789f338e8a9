import { html, useSignal } from "../../vendor/preact.js";
import { Card, Figures } from "../../components/card.js";
import { StackedColumns } from "../../components/charts.js";
import { CurrencyField } from "../../components/currency.js";
import { Heading } from "../../components/heading.js";
import { List } from "../../components/list.js";
import { Empty, Failure, Skeleton } from "../../components/states.js";
import { Table } from "../../components/table.js";
import { get } from "../../lib/api.js";
import { formatDate, formatMoney } from "../../lib/format.js";
import { t } from "../../lib/i18n.js";
import { useList } from "../../lib/list.js";
import { useResource } from "../../lib/resource.js";
import { config } from "../../lib/session.js";

export const title = "admin-overview";

const monthName = (month) => formatDate(`${month}-01`, { month: "short", year: "numeric" });

export default function Overview() {
  const currency = useSignal(config.value.defaultCurrency);
  const raised = useResource((signal) => get("/waqf/raised", { currency: currency.value }, { signal }), [currency.value]);
  return html`<${Heading}>${t("admin-overview")}</${Heading}>
    <${Card} title=${t("admin-raised")}>
      <div class="filters"><${CurrencyField} value=${currency.value} onChange=${(event) => (currency.value = event.target.value)} /></div>
      ${raised.error && html`<${Failure} error=${raised.error} onRetry=${raised.reload} />`}
      ${!raised.error && !raised.value && html`<${Skeleton} lines=${8} />`}
      ${raised.value && html`<${Raised} raised=${raised.value} />`}
    </${Card}>
    <${Reversals} />
    <${Exceptions} />`;
}

function Raised({ raised: { months, currency } }) {
  const money = (amount) => formatMoney(amount, currency);
  const names = [...new Set(months.flatMap((month) => month.projects.map((project) => project.projectName)))];
  if (!names.length) return html`<${Empty} title=${t("admin-raised-none")}>${t("admin-raised-hint")}</${Empty}>`;
  const last = months.at(-1);
  const points = months.map(({ month, projects }) => ({
    name: monthName(month),
    parts: projects.map(({ projectName, received }) => ({ name: projectName, value: received, text: money(received) })),
  }));
  const rows = months.map((month) => [monthName(month.month), money(month.received), money(month.refunded)]);
  return html`<${Figures} items=${[[t("admin-this-month"), money(last.received)], [t("admin-returned"), money(last.refunded)]]} />
    <${StackedColumns} label=${t("admin-raised")} names=${names} points=${points} />
    <details><summary>${t("admin-figures")}</summary>
      <${Table} label=${t("admin-raised")} columns=${[[t("admin-month")], [t("received"), "number"], [t("admin-returned"), "number"]]} rows=${rows} />
    </details>`;
}

function Reversals() {
  const list = useList("/waqf/donations/all", { status: "refunded" }, 5);
  const columns = [[t("date")], [t("project")], [t("admin-donor")], [t("refunded"), "number"]];
  const row = (gift) => [formatDate(gift.createdAt), html`<bdi>${gift.projectName}</bdi>`, html`<bdi>${gift.donor.name || t("anonymous")}</bdi>`, formatMoney(gift.refundedAmount, gift.currency)];
  return html`<${Card} title=${t("admin-refunds")}>
    <${List} list=${list} empty=${t("admin-refunds-none")} hint=${t("admin-refunds-hint")}>${(rows) => html`<${Table} label=${t("admin-refunds")} columns=${columns} rows=${rows.map(row)} />`}</${List}>
  </${Card}>`;
}

function Exceptions() {
  const list = useList("/payments/exceptions", { status: "open" }, 5);
  const columns = [[t("date")], [t("admin-exception")], [t("amount"), "number"]];
  const row = (exception) => [formatDate(exception.occurredAt), exception.message, exception.amount === null ? "" : formatMoney(exception.amount, exception.currency)];
  const footer = html`<a href="/dashboard/staff/exceptions">${t("admin-exceptions-all")}</a>`;
  return html`<${Card} title=${t("admin-exceptions")} footer=${footer}>
    <${List} list=${list} empty=${t("admin-exceptions-none")} hint=${t("admin-exceptions-hint")}>${(rows) => html`<${Table} label=${t("admin-exceptions")} columns=${columns} rows=${rows.map(row)} />`}</${List}>
  </${Card}>`;
}
