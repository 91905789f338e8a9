// What becomes of a gift that was sent: it is paid, waited for, or it has ended; then thanks with the receipt.

import { html, useEffect, useMemo, useSignal } from "../vendor/preact.js";
import { makeIdempotencyKey, poll, post } from "../lib/api.js";
import { formatDate, formatMoney } from "../lib/format.js";
import { language, t } from "../lib/i18n.js";
import { config } from "../lib/session.js";
import { Dialog } from "./dialog.js";
import { ErrorSummary, useForm } from "./fields.js";
import { Heading } from "./heading.js";
import { Failure } from "./states.js";
import { StripePayment } from "./stripe-payment.js";

export function GiftState({ project, gift, keep, again }) {
  const { donation, begun } = gift;
  const amount = formatMoney(donation.receivedAmount || donation.amount, donation.currency);
  const props = { project, gift, keep, again, amount };
  if (donation.status === "succeeded") return html`<${Thanks} ...${props} />`;
  if (donation.status !== "pending") return html`<${Ended} ...${props} />`;
  if (begun || !config.value.stripePublishableKey) return html`<${Waiting} ...${props} />`;
  return html`<${Heading} focus intro=${t("give-pay-intro")}>${t("give-pay", { amount })}</${Heading}>
    <${StripePayment} clientSecret=${donation.payment.clientSecret} text=${t("give-pay", { amount })} onBegun=${(state) => keep({ begun: state })} />
    <${GiveUp} donation=${donation} keep=${keep} again=${again} />`;
}

function Thanks({ project, gift: { donation, receipt }, amount, again }) {
  const address = donation.userId ? `/api/waqf/donations/${donation.id}/receipt` : receipt;
  return html`<${Heading} focus intro=${t("give-arrived", { amount, project: project.name })}>${t("give-thanks")}</${Heading}>
    ${address && html`<p><a href=${`${address}?lang=${language.value}`} download>${t("give-receipt")} ${donation.receiptNumber}</a></p>`}
    <p>${t("give-mailed")}</p>
    <p><a href="/dashboard">${t("to-projects")}</a></p>
    <p><button type="button" class="secondary" onClick=${again}>${t("give-again")}</button></p>`;
}

const Ended = ({ gift: { donation }, again }) =>
  html`<${Heading} focus intro=${t(`give-${donation.status}-intro`)}>${t(`give-${donation.status}`)}</${Heading}>
    <p><button type="button" onClick=${again}>${t("give-try-again")}</button></p>`;

/** What the payer has to do, by Stripe's name of it; all others are vouchers and transfers. */
const ACTIONS = { use_stripe_sdk: "bank", redirect_to_url: "bank" };

function Waiting({ gift: { donation, begun }, keep, again, amount }) {
  const error = useFollowing(donation, begun, keep);
  const { nextAction, status, expiresAt } = donation.payment;
  const isBegun = nextAction || begun?.address;
  const reason = isBegun ? ACTIONS[nextAction] || "voucher" : status === "processing" ? status : "open";
  return html`<${Heading} focus intro=${t("give-waiting-intro", { amount })}>${t("give-waiting")}</${Heading}>
    <p role="status" aria-busy="true">${t(`give-waiting-${reason}`)}</p>
    ${begun?.address && html`<p><a href=${begun.address} target="_blank" rel="noreferrer">${t("give-instructions")}</a></p>`}
    ${expiresAt && html`<p>${t("give-until", { time: formatDate(expiresAt, { dateStyle: "medium", timeStyle: "short" }) })}</p>`}
    ${error && html`<${Failure} error=${error} />`}
    ${begun?.status !== "succeeded" && html`<${GiveUp} donation=${donation} keep=${keep} again=${again} />`}`;
}

/**
 * Read the donation until it is decided. A guest cannot read it: theirs has succeeded once it is
 * among the project's public ones. A failure before Stripe's success is that of an earlier card.
 */
function useFollowing(donation, begun, keep) {
  const error = useSignal(null);
  useEffect(() => {
    const controller = new AbortController();
    const isDecided = ({ status }) => !(status === "pending" || (status === "failed" && begun?.status === "succeeded"));
    const ofList = ({ data }) => ({ ...donation, ...data.find(({ id, status }) => id === donation.id && status), userId: null });
    const read = donation.userId ? (body) => body : ofList;
    const path = donation.userId ? `/waqf/donations/${donation.id}` : `/waqf/projects/${donation.projectId}/donations?limit=100`;
    const onChange = (body) => keep({ donation: isDecided(read(body)) ? read(body) : { ...read(body), status: "pending" } });
    poll(path, { abort: controller.signal, isDone: (body) => isDecided(read(body)), onChange }).catch((failure) => (error.value = failure));
    return () => controller.abort();
  }, [donation.id]);
  return error.value;
}

/** Cancel the gift, or as a guest, who cannot, start again: unpaid it counts for nothing. */
function GiveUp({ donation, keep, again }) {
  const isAsked = useSignal(false);
  const keyOf = useMemo(makeIdempotencyKey, []);
  const form = useForm(async () => keep({ donation: await post(`/waqf/donations/${donation.id}/cancel`, {}, { key: keyOf(donation.id) }) }));
  const confirm = () => {
    isAsked.value = false;
    if (donation.userId) form.submit();
    else again();
  };
  return html`<${ErrorSummary} error=${form.error} />
    <p><button type="button" class="secondary" aria-busy=${form.isSending ? "true" : undefined} onClick=${() => (isAsked.value = true)}>${t("give-up")}</button></p>
    <${Dialog} isOpen=${isAsked.value} title=${t("give-up-title")} confirm=${t("give-up")} onConfirm=${confirm} onClose=${() => (isAsked.value = false)}>
      <p>${donation.userId ? t("give-up-text") : t("give-up-guest")}</p>
    </${Dialog}>`;
}
