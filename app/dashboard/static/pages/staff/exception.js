import { html } from "../../vendor/preact.js";
import { Card, Figures } from "../../components/card.js";
import { named } from "../../components/filtered-list.js";
import { Heading } from "../../components/heading.js";
import { Loaded } from "../../components/staff.js";
import { Step } from "../../components/step.js";
import { formatDate, formatMoney } from "../../lib/format.js";
import { t } from "../../lib/i18n.js";

export const title = "staff-exception";

export default function ExceptionPage({ id }) {
  const path = `/payments/exceptions/${encodeURIComponent(id)}`;
  return html`<${Loaded} title=${t(title)} path=${path}>${({ item, step }) => html`
    <p class="tag">${named(item.status)}</p>
    <${Heading} intro=${html`<span dir="auto">${item.message}</span>`}>${t(title)}: ${named(item.kind)}</${Heading}>
    <${Facts} ...${item} />
    ${item.applicationId && html`<p><a href=${`/dashboard/staff/applications/${item.applicationId}`}>${t("staff-application")}</a></p>`}
    ${item.donationId && html`<p><a href=${`/dashboard/staff/donations/${item.donationId}`}>${t("staff-donation")}</a></p>`}
    ${item.status === "open" && html`<${Step} ...${step} isOpen label=${t("staff-resolve")} path=${`${path}/resolve`} fields=${[["note", "area", { hint: t("staff-note-hint") }]]} />`}`}</${Loaded}>`;
}

/** The facts have the names of the API, such as `dueBy`. */
function Facts({ amount, currency, facts, providerReference, createdAt, resolvedAt, resolvedBy, note }) {
  const figures = [
    [t("date"), formatDate(createdAt)],
    amount !== null && [t("amount"), formatMoney(amount, currency)],
    providerReference && ["Stripe", providerReference],
    ...Object.entries(facts).map(([name, fact]) => [html`<code>${name}</code>`, html`<bdi>${typeof fact === "object" ? JSON.stringify(fact) : String(fact)}</bdi>`]),
    resolvedAt && [named("resolved"), html`${formatDate(resolvedAt)} · <bdi>${resolvedBy}</bdi>`],
    note && [t("staff-field", { name: "note" }), html`<span dir="auto">${note}</span>`],
  ];
  return html`<${Card}><${Figures} items=${figures.filter(Boolean)} /></${Card}>`;
}
