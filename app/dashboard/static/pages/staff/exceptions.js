import { html } from "../../vendor/preact.js";
import { FilteredList, named, optionsOf } from "../../components/filtered-list.js";
import { Heading } from "../../components/heading.js";
import { formatDate, formatMoney } from "../../lib/format.js";
import { t } from "../../lib/i18n.js";

export const title = "staff-exceptions";

export default function Exceptions() {
  const filters = [["status", "select", { options: optionsOf(["open", "resolved"]) }], ["from", "date"], ["to", "date"]];
  return html`<${Heading} intro=${t("staff-exceptions-intro")}>${t(title)}</${Heading}>
    <${FilteredList} path="/payments/exceptions" label=${t(title)} filters=${filters} columns=${[[t("date")], [t("entry")], [t("amount"), "number"], [t("staff-status")]]}
      row=${(item) => [
        formatDate(item.createdAt),
        html`<a href=${`/dashboard/staff/exceptions/${item.id}`} dir="auto">${item.message}</a>`,
        item.amount !== null && formatMoney(item.amount, item.currency),
        named(item.status),
      ]} />`;
}
