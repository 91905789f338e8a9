// Paying a debt: by Stripe's form where it is set up, else with a test card, which pays nothing in live mode.

import { html, useSignal } from "../vendor/preact.js";
import { StripePayment } from "./stripe-payment.js";
import { ErrorSummary, MoneyField, SelectField, SubmitButton, normalizeAmount, useForm } from "./fields.js";
import { notify } from "./toast.js";
import { formatMoney } from "../lib/format.js";
import { t } from "../lib/i18n.js";
import { config } from "../lib/session.js";
import { useStep } from "../lib/step.js";

/** Stripe's test cards, which the stand-in accepts too. */
const CARDS = ["pm_card_visa", "pm_card_visa_chargeDeclined", "pm_card_visa_chargeDeclinedInsufficientFunds"];

/** Pay what is due at `path`, or another amount as the `hint` says, and pass the payment to `onPaid`. */
export function Pay({ path, amount, currency, hint, onPaid }) {
  const send = useStep();
  const typed = useSignal("");
  const card = useSignal(CARDS[0]);
  const begun = useSignal(null);
  const hasStripe = Boolean(config.value.stripePublishableKey);
  const form = useForm(async () => {
    const body = hasStripe ? {} : { paymentMethodId: card.value };
    if (typed.value.trim()) body.amount = normalizeAmount(typed.value);
    const payment = await send(path, body);
    if (payment.status === "pending" && hasStripe) return (begun.value = payment);
    typed.value = "";
    notify(t(payment.status === "succeeded" ? "account-paid" : "account-processing"));
    return onPaid(payment);
  });
  if (begun.value) return html`<${StripePayment} clientSecret=${begun.value.clientSecret} text=${t("account-pay-amount", { amount: formatMoney(begun.value.amount, currency) })} onBegun=${() => onPaid(begun.value)} />`;
  if (!hasStripe && !config.value.testMode) return html`<p>${t("account-no-card")}</p>`;
  return html`<form onSubmit=${form.submit} novalidate>
    <${ErrorSummary} error=${form.error} />
    <${MoneyField} name="amount" currency=${currency} label=${t("account-other-amount")} hint=${hint} value=${typed.value} onInput=${(event) => (typed.value = event.target.value)} errors=${form.errors} />
    ${!hasStripe && html`<${SelectField} name="paymentMethodId" label=${t("account-test-card")} value=${card.value} onChange=${(event) => (card.value = event.target.value)} errors=${form.errors}
      options=${CARDS.map((id, index) => [id, t(`account-card-${index}`)])} />`}
    <${SubmitButton} isSending=${form.isSending}>${typed.value.trim() ? t("account-pay") : t("account-pay-amount", { amount: formatMoney(amount, currency) })}</${SubmitButton}>
  </form>`;
}
