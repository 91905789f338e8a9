import { html } from "../../vendor/preact.js";
import { Figures } from "../../components/card.js";
import { Heading } from "../../components/heading.js";
import { Empty, Failure, Skeleton } from "../../components/states.js";
import { Table } from "../../components/table.js";
import { get } from "../../lib/api.js";
import { formatDate, formatMoney } from "../../lib/format.js";
import { t } from "../../lib/i18n.js";
import { useResource } from "../../lib/resource.js";

export const title = "admin-payout";
const LINES = 100;

export default function PayoutPage({ id }) {
  const payout = useResource((signal) => get(`/payments/payouts/${encodeURIComponent(id)}`, { limit: LINES }, { signal }), [id]);
  return html`<p><a href="/dashboard/admin/payouts">${t("admin-payouts")}</a></p>
    <${Heading}>${t("admin-payout")}</${Heading}>
    ${payout.error && html`<${Failure} error=${payout.error} onRetry=${payout.reload} />`}
    ${!payout.error && !payout.value && html`<${Skeleton} lines=${8} />`}
    ${payout.value && html`<${Payout} payout=${payout.value} />`}`;
}

function Payout({ payout }) {
  const money = (amount) => (amount === null ? "–" : formatMoney(amount, payout.currency));
  const sums = [["amount", t("amount")], ["charges", t("admin-charges")], ["refunds", t("refunded")], ["fees", t("admin-fees")], ["other", t("admin-other")]];
  const columns = [[t("date")], [t("entry")], [t("admin-record")], [t("amount"), "number"], [t("admin-fees"), "number"], [t("admin-net"), "number"]];
  const row = (line) => [
    formatDate(line.createdAt),
    html`<code dir="ltr">${line.type}</code>`,
    line.exceptionId ? html`<a href="/dashboard/staff/exceptions">${t("admin-not-matched")}</a>` : html`<span dir="ltr">${line.recordNumber || line.providerReference}</span>`,
    ...[line.amount, line.fee, line.net].map((amount) => formatMoney(amount, line.currency)),
  ];
  return html`<${Figures} items=${[[t("admin-arrival"), formatDate(payout.arrivalDate)], [t("admin-status"), t(`admin-payout-${payout.status}`)], ...sums.map(([name, label]) => [label, money(payout[name])])]} />
    <p><small dir="ltr">${payout.providerReference}</small></p>
    ${payout.lines.length ? html`<${Table} label=${t("admin-lines")} columns=${columns} rows=${payout.lines.map(row)} />` : html`<${Empty} title=${t("admin-lines-none")}>${t("admin-lines-hint")}</${Empty}>`}
    ${payout.pagination.next && html`<p>${t("admin-lines-more", { count: LINES })}</p>`}`;
}
