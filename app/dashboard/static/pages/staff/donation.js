import { html } from "../../vendor/preact.js";
import { Card, Figures } from "../../components/card.js";
import { named } from "../../components/filtered-list.js";
import { Heading } from "../../components/heading.js";
import { Loaded, REVERSAL } from "../../components/staff.js";
import { Step } from "../../components/step.js";
import { formatDate, formatMoney } from "../../lib/format.js";
import { t } from "../../lib/i18n.js";

export const title = "staff-donation";

export default function DonationPage({ id }) {
  const path = `/waqf/donations/all/${encodeURIComponent(id)}`;
  return html`<${Loaded} title=${t(title)} path=${path}>${({ item, step }) => html`
    <p class="tag">${named(item.status)} · ${named(item.channel)}</p>
    <${Heading} intro=${html`<a href=${`/dashboard/staff/projects/${item.projectId}`}><bdi>${item.projectName}</bdi></a>`}>${t(title)} ${formatMoney(item.amount, item.currency)}</${Heading}>
    <${Facts} ...${item} />
    ${item.receiptNumber && html`<p><a href=${`/api${path}/receipt`} download>${t("staff-receipt")} ${item.receiptNumber}</a></p>`}
    ${item.channel === "offline" && item.status === "succeeded" && html`<${Step} ...${step} ...${REVERSAL()} path=${`/waqf/donations/${id}/reverse`} act=${["reverse_donation", id]} />`}
    ${item.message && !item.messageHidden && html`<${Step} ...${step} label=${t("staff-hide-message")} method="DELETE" path=${`/waqf/donations/${id}/message`} ask=${t("staff-final")} />`}`}</${Loaded}>`;
}

function Facts({ currency, donor, fee, feeCurrency, method, reference, receivedOn, reversedAt, reversalReason, message, ...item }) {
  const figures = [
    [t("staff-donor"), html`<bdi>${donor.name || t("anonymous")}</bdi>${donor.email && html`<br /><a href=${`mailto:${donor.email}`}>${donor.email}</a>`}`],
    [t("staff-field", { name: "isAnonymous" }), named(item.isAnonymous ? "yes" : "no")],
    [t("date"), formatDate(receivedOn ?? item.createdAt)],
    [t("received"), formatMoney(item.receivedAmount, currency)],
    [t("refunded"), formatMoney(item.refundedAmount, currency)],
    fee !== null && [t("staff-fee"), formatMoney(fee, feeCurrency)],
    method && [t("staff-field", { name: "method" }), `${named(method)} · ${reference}`],
    item.paymentIntentId && ["Stripe", item.paymentIntentId],
    reversedAt && [t("staff-reversed", { day: formatDate(reversedAt) }), reversalReason],
    message && [item.messageHidden ? t("staff-message-hidden") : t("staff-field", { name: "message" }), html`<span dir="auto">${message}</span>`],
  ];
  return html`<${Card}><${Figures} items=${figures.filter(Boolean)} /></${Card}>`;
}
