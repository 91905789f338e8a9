import { html } from "../../vendor/preact.js";
import { FilteredList, booleanOptions, named, optionsOf } from "../../components/filtered-list.js";
import { Heading } from "../../components/heading.js";
import { formatDate, formatMoney } from "../../lib/format.js";
import { t } from "../../lib/i18n.js";

export const title = "staff-applications";
const STATUSES = ["pending", "approved", "acquired", "active", "completed", "rejected", "cancelled", "expired"];

export default function Applications() {
  const filters = [
    ["status", "select", { options: optionsOf(STATUSES) }],
    ["overdue", "select", { options: booleanOptions("overdue", "on-time") }],
    ["applicant", "text", { hint: t("staff-person-hint") }],
    ["from", "date"],
    ["to", "date"],
    ["sort", "select", { options: optionsOf(["createdAt"], t("staff-newest")) }],
  ];
  return html`<${Heading}>${t(title)}</${Heading}>
    <${FilteredList} path="/murabaha/applications" label=${t(title)} filters=${filters}
      columns=${[[t("number")], [t("staff-applicant")], [t("staff-goods")], [t("amount"), "number"], [t("staff-status")], [t("date")]]}
      row=${(item) => [
        html`<a href=${`/dashboard/staff/applications/${item.id}`}>${item.applicationNumber}</a>`,
        html`<bdi>${item.applicant?.name ?? t("staff-own")}</bdi>`,
        html`<span dir="auto">${item.itemDescription}</span>`,
        formatMoney(item.contract?.sellingPrice ?? item.requestedAmount, item.currency),
        named(item.status),
        formatDate(item.createdAt),
      ]} />`;
}
