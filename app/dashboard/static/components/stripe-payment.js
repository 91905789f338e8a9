// Paying a donation by Stripe's own form: card data goes from there to Stripe.

import { html, useRef } from "../vendor/preact.js";
import { ApiError } from "../lib/api.js";
import { t } from "../lib/i18n.js";
import { useResource } from "../lib/resource.js";
import { instructionsOf, loadStripe, mountPayment } from "../lib/stripe.js";
import { ErrorSummary, SubmitButton, useForm } from "./fields.js";
import { Failure, Skeleton } from "./states.js";

const PAYABLE = ["requires_payment_method", "requires_confirmation"];
const AT_THE_BANK = ["use_stripe_sdk", "redirect_to_url"];

/** Ask Stripe how far the payment is, show its form where it is unpaid, and call `onBegun` once it has begun. */
export function StripePayment({ clientSecret, text, onBegun }) {
  const box = useRef();
  const payment = useResource(async () => {
    const stripe = await loadStripe();
    const intent = check(await stripe.retrievePaymentIntent(clientSecret));
    if (PAYABLE.includes(intent.status)) return { stripe, elements: mountPayment(stripe, clientSecret, box.current) };
    return isAtTheBank(intent) ? { stripe } : begin(intent);
  }, [clientSecret]);
  const begin = (intent) => onBegun({ status: intent.status, address: instructionsOf(intent) });
  const form = useForm(async () => {
    const { stripe, elements } = payment.value;
    const confirmation = { elements, confirmParams: { return_url: location.origin + location.pathname }, redirect: "if_required" };
    const intent = check(await (elements ? stripe.confirmPayment(confirmation) : stripe.handleNextAction({ clientSecret })));
    if (PAYABLE.includes(intent.status)) throw new ApiError(402, { error: intent.last_payment_error?.message });
    begin(intent);
  });
  return html`<form onSubmit=${form.submit}>
    <${ErrorSummary} error=${form.error} />
    ${form.error && html`<p>${t("give-declined")}</p>`}
    ${payment.error && html`<${Failure} error=${payment.error} onRetry=${payment.reload} />`}
    ${payment.isLoading && html`<${Skeleton} lines=${6} />`}
    <div ref=${box} class="field"></div>
    ${payment.value && html`<${SubmitButton} isSending=${form.isSending}>${payment.value.elements ? text : t("give-confirm")}</${SubmitButton}>`}
  </form>`;
}

const isAtTheBank = ({ status, next_action: action }) => status === "requires_action" && AT_THE_BANK.includes(action?.type);

/** Return the PaymentIntent of Stripe's answer; throw what a form can show. */
function check({ error, paymentIntent }) {
  if (error) throw new ApiError(402, { error: error.message, code: "PAYMENT_DECLINED" });
  return paymentIntent;
}
