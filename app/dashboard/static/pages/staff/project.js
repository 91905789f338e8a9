import { html } from "../../vendor/preact.js";
import { Figures } from "../../components/card.js";
import { TwoLines, named, optionsOf } from "../../components/filtered-list.js";
import { Heading } from "../../components/heading.js";
import { CATEGORIES, ProjectProgress } from "../../components/project.js";
import { Loaded, Reversible, receiptFields, receiptValues, thisDay } from "../../components/staff.js";
import { Step } from "../../components/step.js";
import { formatMoney } from "../../lib/format.js";
import { t } from "../../lib/i18n.js";

export const title = "project";

/** What staff say of a project. */
export const projectFields = () => [
  ["name", "text"],
  ["description", "area"],
  ["category", "select", { options: CATEGORIES.map((name) => [name, t(`category-${name}`)]) }],
  ["fundingGoal", "money"],
];

export default function ProjectPage({ id }) {
  const path = `/waqf/projects/${encodeURIComponent(id)}`;
  return html`<${Loaded} title=${t(title)} path=${path} list="/ledger">${({ item, listed: ledger, version, step }) => {
    const sums = [[t("received"), ledger.received], [t("refunded"), ledger.refunded], [t("spent"), ledger.disbursed], [t("balance"), ledger.balance]];
    return html`<p class="tag">${t(`category-${item.category}`)} · ${named(item.active ? "open" : "closed")}</p>
      <${Heading} intro=${html`<span dir="auto">${item.description}</span>`}><bdi>${item.name}</bdi></${Heading}>
      <${ProjectProgress} project=${item} />
      <${Figures} items=${sums.map(([name, amount]) => [name, formatMoney(amount, item.currency)])} />
      <p><a href=${`/dashboard/projects/${id}`}>${t("open-ledger")}</a></p>
      <${Steps} item=${item} path=${path} step=${step} />
      <${Reversible} title=${t("staff-disbursements")} path=${`${path}/disbursements`} version=${version} step=${{ ...step, tag: null }}
        reversal=${(row) => ({ path: `/waqf/disbursements/${row.id}/reverse`, act: ["reverse_disbursement", row.id] })}
        text=${({ recipient, purpose, reference }) => html`<${TwoLines} small=${`${purpose} · ${reference}`}><bdi>${recipient}</bdi></${TwoLines}>`} />`;
  }}</${Loaded}>`;
}

const giftFields = () => [
  ...receiptFields(),
  ["donorName", "text", { hint: t("optional") }],
  ["donorEmail", "email", { hint: t("staff-donor-email-hint") }],
  ["isAnonymous", "check"],
  ["dedication.kind", "select", { label: t("staff-dedication"), options: optionsOf(["on_behalf", "in_memory", "in_honor"], "–") }],
  ["dedication.name", "text", { label: t("staff-dedicated-to"), hint: t("optional") }],
  ["message", "area", { hint: t("optional") }],
];

/** What staff do with a project. Gifts and payments do not depend on its other values, so they send no ETag. */
function Steps({ item, path, step }) {
  const toggle = item.active ? t("staff-close") : t("staff-reopen");
  return html`<${Step} ...${step} tag="" label=${t("staff-offline-gift")} path=${`${path}/offline-donations`} initial=${receiptValues()} fields=${giftFields()} />
    <${Step} ...${step} tag="" label=${t("staff-disburse")} path=${`${path}/disbursements`} initial=${{ paidOn: thisDay() }} act=${["disburse", item.id]}
      fields=${[["amount", "money"], ["paidOn", "date"], ["recipient", "text"], ["purpose", "text"], ["reference", "text"]]} />
    <${Step} ...${step} label=${t("staff-edit")} method="PATCH" path=${path} fields=${projectFields()} initial=${item} />
    <${Step} ...${step} key=${toggle} label=${toggle} method="PATCH" path=${path} fixed=${{ active: !item.active }} ask=${item.active && t("staff-close-ask")} />`;
}
