import { html } from "../../vendor/preact.js";
import { FilteredList, booleanOptions, named } from "../../components/filtered-list.js";
import { Heading } from "../../components/heading.js";
import { CATEGORIES } from "../../components/project.js";
import { Step } from "../../components/step.js";
import { formatMoney } from "../../lib/format.js";
import { t } from "../../lib/i18n.js";
import { navigate } from "../../lib/router.js";
import { config } from "../../lib/session.js";
import { projectFields } from "./project.js";

export const title = "projects";

export default function Projects() {
  const filters = [
    ["category", "select", { options: [["", t("all-categories")], ...CATEGORIES.map((name) => [name, t(`category-${name}`)])] }],
    ["active", "select", { label: t("staff-status"), options: booleanOptions("open", "closed") }],
  ];
  const { defaultCurrency, currencies } = config.value;
  return html`<${Heading}>${t(title)}</${Heading}>
    <${Step} label=${t("staff-new-project")} path="/waqf/projects" initial=${{ category: CATEGORIES[0], currency: defaultCurrency }}
      fields=${[...projectFields(), ["currency", "select", { options: currencies.map((code) => [code, code]) }]]} onDone=${({ id }) => navigate(`/dashboard/staff/projects/${id}`)} />
    <${FilteredList} path="/waqf/projects" label=${t(title)} filters=${filters} columns=${[[t("project")], [t("category")], [t("staff-raised"), "number"], [t("staff-status")]]}
      row=${(item) => [
        html`<a href=${`/dashboard/staff/projects/${item.id}`}><bdi>${item.name}</bdi></a>`,
        t(`category-${item.category}`),
        html`${formatMoney(item.raised, item.currency)} / ${formatMoney(item.fundingGoal, item.currency)}`,
        named(item.active ? "open" : "closed"),
      ]} />`;
}
