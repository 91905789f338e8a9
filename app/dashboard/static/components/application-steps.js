// The steps that the API allows an officer in the application's state.

import { html, useEffect, useSignal } from "../vendor/preact.js";
import { post } from "../lib/api.js";
import { subtract } from "../lib/format.js";
import { language, t } from "../lib/i18n.js";
import { fractionOf, normalizeAmount } from "./fields.js";
import { Quote } from "./quote.js";
import { receiptFields, receiptValues, thisDay } from "./staff.js";
import { Failure } from "./states.js";
import { Step } from "./step.js";

const REASON = [["reason", "area"]];
const PAUSE = 400; // milliseconds without typing, until the price is calculated

/** @param {{item: object, listed: object, step: object}} props the application, a page of its receipts */
export function ApplicationSteps({ item: application, listed, step }) {
  const { id, applicationNumber, status, currency, contract, installments, requestedAmount, termMonths, downPayment } = application;
  const path = `/murabaha/applications/${id}`;
  const values = { ...receiptValues(), reference: `${applicationNumber}/${listed.pagination.total + 1}` };
  const receipt = (amount, paid) => ({ fields: receiptFields(), initial: { ...values, amount: subtract(amount, paid, currency) } });
  const next = status === "active" && installments.find(({ paidAmount, amount }) => paidAmount < amount);
  const isOpenForDownPayment = ["acquired", "active"].includes(status) && contract.downPaymentPaid < contract.downPayment;
  return html`
    ${status === "pending" && html`
      <${Step} ...${step} label=${t("staff-approve")} isOpen path=${`${path}/approve`} initial=${{ cost: requestedAmount, termMonths, downPayment }}
        fields=${[["cost", "money"], ["profitRate", "percent", { hint: t("profit-hint") }], ["termMonths", "number", { hint: t("term-hint") }], ["downPayment", "money"], ["confirmCost", "check"]]}
        act=${["approve_application", id]} ask=${t("staff-approve-ask")} preview=${(typed) => html`<${Preview} ...${typed} currency=${currency} />`} />
      <${Step} ...${step} label=${t("staff-reject")} path=${`${path}/reject`} fields=${REASON} ask=${t("staff-final")} />`}
    ${status === "approved" && html`<${Step} ...${step} label=${t("staff-acquire")} isOpen path=${`${path}/acquire`} initial=${{ acquiredOn: thisDay() }}
      fields=${[["acquiredOn", "date"], ["invoice", "text"], ["invoiceAmount", "money", { hint: t("staff-invoice-amount-hint") }], ["evidence", "file", { accept: ".pdf,.png,.jpg,.jpeg", hint: t("staff-evidence-hint") }], ["confirmAcquiredOn", "check"]]} />`}
    ${next && html`<${Step} ...${step} label=${t("staff-record", { number: next.number })} path=${`${path}/installments/${next.number}/record`} ...${receipt(next.amount, next.paidAmount)} />`}
    ${isOpenForDownPayment && html`<${Step} ...${step} label=${t("staff-record-down-payment")} path=${`${path}/down-payment/record`} ...${receipt(contract.downPayment, contract.downPaymentPaid)} />`}
    ${next && html`<${Step} ...${step} label=${t("staff-settle")} path=${`${path}/settle`} fields=${[["rebate", "money", { hint: t("staff-rebate-hint") }]]} ask=${t("staff-final")} />`}
    ${isSettled(application) && html`<${Step} ...${step} label=${t("staff-undo-settle")} method="DELETE" path=${`${path}/settle`} fields=${REASON} ask=${t("staff-undo-settle-ask")} />`}
    ${next && html`<${Step} ...${step} label=${t("staff-reschedule")} path=${`${path}/reschedule`} ask=${t("staff-reschedule-ask")}
        fields=${[["from", "number", { label: t("staff-from-number") }], ["firstDueOn", "date", { hint: t("staff-first-due-hint") }], ["months", "number", { hint: t("staff-months-hint") }], ...REASON]} />
      <${Step} ...${step} label=${t("staff-promise")} path=${`${path}/promises`} fields=${[["promisedOn", "date"], ["amount", "money", { hint: t("optional") }], ["note", "text", { hint: t("optional") }]]} />
      <${Step} ...${step} label=${t("staff-waive", { number: next.number })} path=${`${path}/installments/${next.number}/waive`} act=${["waive_installment", id]}
        fields=${[["amount", "money", { hint: t("staff-waive-hint") }], ...REASON]} ask=${t("staff-waive-ask")} />`}
    ${["approved", "acquired"].includes(status) && html`<${Step} ...${step} label=${t("staff-withdraw")} path=${`${path}/withdraw`} fields=${REASON} ask=${t("staff-withdraw-ask")} />`}`;
}

/** Whether the sale was settled early: all that is unpaid is due on one day. */
function isSettled({ status, contract, installments }) {
  const unpaid = installments.filter(({ paidAmount, amount }) => paidAmount < amount);
  const isOneDay = unpaid.length > 0 && unpaid.every(({ dueDate }) => dueDate === unpaid[0].dueDate);
  return status === "active" && isOneDay && (unpaid.length > 1 || contract.rebate > 0);
}

/** The price and the schedule of what is typed, after each pause. The last ones stay until the next are there. */
function Preview({ cost, profitRate, termMonths, downPayment, currency }) {
  const state = useSignal({});
  const isComplete = cost && profitRate && termMonths;
  useEffect(() => {
    if (!isComplete) return undefined;
    const controller = new AbortController();
    const body = { cost: normalizeAmount(cost), profitRate: fractionOf(profitRate), termMonths: Number(normalizeAmount(termMonths)) || termMonths, downPayment: normalizeAmount(downPayment) || "0", currency };
    const timer = setTimeout(() => {
      post("/murabaha/quotes", body, { signal: controller.signal }).then(
        (quote) => (state.value = { quote }),
        (error) => {
          if (error.name === "AbortError") return;
          error.message = Object.values(error.fields || {}).join(" ") || error.message;
          state.value = { ...state.value, error };
        },
      );
    }, PAUSE);
    return () => (clearTimeout(timer), controller.abort());
  }, [cost, profitRate, termMonths, downPayment, language.value]);
  const { quote, error } = isComplete ? state.value : {};
  return html`<section aria-live="polite" aria-label=${t("murabaha-offer")}>
    ${error && html`<${Failure} error=${error} />`}
    ${quote && html`<${Quote} quote=${quote} />`}
    ${!quote && !error && html`<p>${t("staff-preview-hint")}</p>`}
  </section>`;
}
