import { html } from "../../vendor/preact.js";
import { FilteredList, TwoLines, named, optionsOf, readFilters } from "../../components/filtered-list.js";
import { Heading } from "../../components/heading.js";
import { get, queryString } from "../../lib/api.js";
import { formatDate, formatMoney } from "../../lib/format.js";
import { t } from "../../lib/i18n.js";
import { useResource } from "../../lib/resource.js";

export const title = "staff-donations";

export default function Donations() {
  const projects = useResource((signal) => get("/waqf/projects", { limit: 100 }, { signal }));
  const filters = [
    ["projectId", "select", { options: [["", t("staff-any")], ...(projects.value?.data || []).map(({ id, name }) => [id, name])] }],
    ["status", "select", { options: optionsOf(["pending", "succeeded", "failed", "cancelled", "refunded"]) }],
    ["channel", "select", { options: optionsOf(["stripe", "offline"]) }],
    ["donor", "text", { hint: t("staff-person-hint") }],
    ["from", "date"],
    ["to", "date"],
    ["sort", "select", { options: optionsOf(["createdAt", "-amount", "amount"], t("staff-newest")) }],
  ];
  const exported = (format) => `/api/waqf/donations/all/export${queryString({ ...readFilters(filters), format })}`;
  return html`<${Heading}>${t(title)}</${Heading}>
    <p class="links">${["csv", "ndjson"].map((format) => html`<a href=${exported(format)} download>${t("staff-export", { format: format.toUpperCase() })}</a>`)}</p>
    <${FilteredList} path="/waqf/donations/all" label=${t(title)} filters=${filters} columns=${[[t("date")], [t("staff-donor")], [t("project")], [t("amount"), "number"], [t("staff-status")]]}
      row=${(item) => [
        html`<a href=${`/dashboard/staff/donations/${item.id}`}>${formatDate(item.createdAt)}</a>`,
        html`<bdi>${item.donor.name || item.donor.email || t("anonymous")}</bdi>`,
        html`<bdi>${item.projectName}</bdi>`,
        formatMoney(item.amount, item.currency),
        html`<${TwoLines} small=${named(item.channel)}>${named(item.status)}</${TwoLines}>`,
      ]} />`;
}
