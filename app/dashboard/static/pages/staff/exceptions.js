import { html } from "../../vendor/preact.js";
import { FilteredList, TwoLines, named, optionsOf } from "../../components/filtered-list.js";
import { Heading } from "../../components/heading.js";
import { formatDate, formatMoney } from "../../lib/format.js";
import { t } from "../../lib/i18n.js";

export const title = "staff-exceptions";
const KINDS = [
  "amount_mismatch", "currency_mismatch", "wrong_mode", "wrong_account", "paid_after_cancellation", "refund_failed", "dispute", "unknown_object",
  "second_intent", "owed_to_client", "fee_unknown", "payout_mismatch", "payout_failed", "ledger_difference", "other",
];

export default function Exceptions() {
  const filters = [["status", "select", { options: optionsOf(["open", "resolved"]) }], ["kind", "select", { options: optionsOf(KINDS) }], ["from", "date"], ["to", "date"]];
  return html`<${Heading} intro=${t("staff-exceptions-intro")}>${t(title)}</${Heading}>
    <${FilteredList} path="/payments/exceptions" label=${t(title)} filters=${filters} columns=${[[t("date")], [t("entry")], [t("amount"), "number"], [t("staff-status")]]}
      row=${(item) => [
        formatDate(item.createdAt),
        html`<${TwoLines} small=${item.message}><a href=${`/dashboard/staff/exceptions/${item.id}`}>${named(item.kind)}</a></${TwoLines}>`,
        item.amount !== null && formatMoney(item.amount, item.currency),
        named(item.status),
      ]} />`;
}
