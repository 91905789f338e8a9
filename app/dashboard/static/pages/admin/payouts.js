import { html } from "../../vendor/preact.js";
import { Heading } from "../../components/heading.js";
import { List } from "../../components/list.js";
import { Table } from "../../components/table.js";
import { formatDate, formatMoney } from "../../lib/format.js";
import { t } from "../../lib/i18n.js";
import { useList } from "../../lib/list.js";

export const title = "admin-payouts";

export default function Payouts() {
  const list = useList("/payments/payouts");
  const columns = [[t("admin-arrival")], [t("admin-status")], [t("admin-charges"), "number"], [t("refunded"), "number"], [t("admin-fees"), "number"], [t("amount"), "number"], [t("admin-matched")]];
  const row = (payout) => {
    const money = (amount) => (amount === null ? "–" : formatMoney(amount, payout.currency));
    const matched = payout.unmatched ? t("admin-unmatched", { count: payout.unmatched }) : t(payout.linesComplete ? "admin-all-matched" : "admin-lines-missing");
    return [html`<a href=${`/dashboard/admin/payouts/${payout.id}`}>${formatDate(payout.arrivalDate)}</a>`, t(`admin-payout-${payout.status}`), money(payout.charges), money(payout.refunds), money(payout.fees), money(payout.amount), matched];
  };
  return html`<${Heading} intro=${t("admin-payouts-intro")}>${t("admin-payouts")}</${Heading}>
    <${List} list=${list} empty=${t("admin-payouts-none")} hint=${t("admin-payouts-hint")}>${(rows) => html`<${Table} label=${t("admin-payouts")} columns=${columns} rows=${rows.map(row)} />`}</${List}>`;
}
