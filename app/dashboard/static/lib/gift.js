// A gift that is being made. What was typed and sent stays in this tab, also when the page is loaded again.

import { normalizeAmount } from "../components/fields.js";
import { post } from "./api.js";
import { readDraft, storeDraft } from "./storage.js";

const DRAFT = "give";

const UNITS = { IDR: 50000, VND: 50000, JPY: 1000, KRW: 10000, PKR: 1000, NGN: 5000, BDT: 500, INR: 500, EGP: 200, TRY: 200, KWD: 5, BHD: 5, OMR: 5 };
/** Amounts to choose from. */
export const amountsIn = (currency) => [1, 2, 5, 10].map((count) => count * (UNITS[currency] || 10));

export const FIRST_VALUES = {
  amount: "", "dedication.kind": "", "dedication.name": "", isAnonymous: false, message: "", "donor.name": "", "donor.email": "", paymentMethodId: "pm_card_visa",
};

/**
 * Return what this tab has of a gift to a project: the `values` typed, the text that was `sent` with
 * its `key`, whether its effect is unknown, and the `donation` with the path of its `receipt`.
 */
export const readGift = (projectId) => ({ ...readDraft(DRAFT)[projectId] });
export const storeGift = (projectId, gift) => storeDraft(DRAFT, { ...readDraft(DRAFT), [projectId]: gift });

/** Return the body of the gift; a guest is its donor, and `withCard` charges the chosen test card. */
export function bodyOf(projectId, values, { isGuest, withCard }) {
  const body = { projectId, amount: normalizeAmount(values.amount), isAnonymous: values.isAnonymous };
  if (values.message.trim()) body.message = values.message;
  if (values["dedication.kind"]) body.dedication = { kind: values["dedication.kind"], name: values["dedication.name"] };
  if (isGuest) body.donor = { name: values["donor.name"], email: values["donor.email"].trim() };
  if (withCard) body.paymentMethodId = values.paymentMethodId;
  return body;
}

/** Send the gift. Until its content changes it has the same key, so that a retry is no second gift. */
export async function sendGift(body, { sent, key }, keep) {
  const text = JSON.stringify(body);
  const used = text === sent ? key : crypto.randomUUID();
  keep({ sent: text, key: used, isUnknown: true });
  let link = "";
  try {
    const donation = await post("/waqf/donations", body, { key: used, onHeaders: (headers) => (link = headers.get("Link") || "") });
    keep({ donation, receipt: link.match(/<([^>]+)>; rel="related"/)?.[1], ...UNSENT });
  } catch (error) {
    if (isRefusal(error)) keep({ isUnknown: false });
    throw error;
  }
}

export const UNSENT = { sent: null, key: null, isUnknown: false };

/** Return whether the API has answered that it took no gift; else it may have, and a retry will tell. */
export const isRefusal = ({ status }) => [400, 402, 404, 422].includes(status);
