// Stripe's library. It is loaded from Stripe, and only when a payment needs it and the service has a publishable key.

import { ApiError } from "./api.js";
import { language } from "./i18n.js";
import { config } from "./session.js";

const SOURCE = "https://js.stripe.com/clover/stripe.js";
let loading;

const loadScript = () =>
  new Promise((resolve, reject) => {
    const script = Object.assign(document.createElement("script"), { src: SOURCE, onload: resolve });
    script.onerror = () => {
      script.remove();
      loading = null; // so that it can be tried again
      reject(new ApiError(0, {}));
    };
    document.head.append(script);
  });

/** Return Stripe's client in the page's language. Throws an ApiError if Stripe cannot be reached. */
export async function loadStripe() {
  if (!window.Stripe) await (loading ??= loadScript());
  return window.Stripe(config.value.stripePublishableKey, { locale: language.value });
}

const isDark = () => (document.documentElement.dataset.theme || (matchMedia("(prefers-color-scheme: dark)").matches && "dark")) === "dark";

/** Show Stripe's form for the payment in `box`, and return what confirming needs. */
export function mountPayment(stripe, clientSecret, box) {
  const elements = stripe.elements({ clientSecret, appearance: { theme: isDark() ? "night" : "stripe" } });
  elements.create("payment").mount(box);
  return elements;
}

/** Return the page where the payer sees how to pay: a voucher, a bank transfer or a verification. */
export function instructionsOf({ next_action: action }) {
  const { hosted_voucher_url: voucher, hosted_instructions_url: transfer, hosted_verification_url: verification } = action?.[action.type] || {};
  return voucher || transfer || verification;
}
