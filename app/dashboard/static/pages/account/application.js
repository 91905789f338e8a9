import { html, useEffect, useSignal } from "../../vendor/preact.js";
import { AskButton } from "../../components/ask.js";
import { Card, Figures } from "../../components/card.js";
import { StackedBar } from "../../components/charts.js";
import { ErrorSummary, Field, MoneyField, SubmitButton, normalizeAmount, useForm } from "../../components/fields.js";
import { StateStrip } from "../../components/financing.js";
import { Heading } from "../../components/heading.js";
import { Pay } from "../../components/pay.js";
import { Failure, Skeleton } from "../../components/states.js";
import { Table } from "../../components/table.js";
import { notify } from "../../components/toast.js";
import { get, patch, poll, post } from "../../lib/api.js";
import { formatDate, formatMoney } from "../../lib/format.js";
import { language, t } from "../../lib/i18n.js";
import { readAll } from "../../lib/list.js";
import { useResource } from "../../lib/resource.js";
import { useStep } from "../../lib/step.js";
import { VendorField, useVendors } from "./apply.js";

export const title = "account-application";
const HAS_OFFER = ["approved", "acquired", "active", "completed"];

export default function ApplicationPage({ id }) {
  const path = `/murabaha/applications/${encodeURIComponent(id)}`;
  const loaded = useResource(
    async (signal) => {
      const application = await get(path, {}, { signal });
      const [events, schedule] = await Promise.all([
        readAll(`${path}/history`, {}, { signal }),
        application.installments.length ? get(`${path}/schedule`, {}, { signal }) : null,
      ]);
      return { application, events, schedule };
    },
    [id],
  );
  if (loaded.error) return html`<${Heading}>${t("account-application")}</${Heading}><${Failure} error=${loaded.error} onRetry=${loaded.reload} />`;
  if (!loaded.value) return html`<${Skeleton} lines=${10} />`;
  const { application, events, schedule } = loaded.value;
  const part = { path, application, onChange: loaded.reload };
  return html`<${Heading} intro=${html`<bdi>${application.applicationNumber}</bdi> · <bdi>${application.vendor.name}</bdi>`}><bdi>${application.itemDescription}</bdi></${Heading}>
    <${StateStrip} status=${application.status} />
    <p role="status">${t(`account-now-${application.status}`)}</p>
    <${Steps} ...${part} />
    ${HAS_OFFER.includes(application.status) && html`<${Offer} ...${part} />`}
    ${schedule && html`<${Schedule} schedule=${schedule} />`}
    ${application.documents.length > 0 && html`<${Papers} names=${application.documents} />`}
    <${History} events=${events} />`;
}

/** What the client can do now. */
function Steps(part) {
  const { status, contract } = part.application;
  const isUnpaid = contract && contract.downPaymentPaid < contract.downPayment;
  return html`
    ${status === "pending" && html`<${Change} ...${part} />`}
    ${status === "acquired" && html`<${Accept} ...${part} />`}
    ${(status === "acquired" || status === "active") && isUnpaid && html`<${DownPayment} ...${part} />`}
    ${status === "active" && html`<${NextInstallment} ...${part} />`}
    ${["pending", "approved", "acquired"].includes(status) && html`<${Withdraw} ...${part} />`}`;
}

function Withdraw({ path, onChange }) {
  const send = useStep();
  const withdraw = async () => {
    await send(`${path}/cancel`);
    onChange();
  };
  return html`<p><${AskButton} label=${t("account-withdraw")} onConfirm=${withdraw}>${t("account-withdraw-hint")}</${AskButton}></p>`;
}

function Change({ path, application, onChange }) {
  const vendors = useVendors();
  const values = useSignal({ vendorId: application.vendorId, itemDescription: application.itemDescription, requestedAmount: String(application.requestedAmount) });
  const change = (event) => (values.value = { ...values.value, [event.target.name]: event.target.value });
  const form = useForm(async () => {
    await patch(path, { ...values.value, requestedAmount: normalizeAmount(values.value.requestedAmount) });
    notify(t("account-changed"));
    onChange();
  });
  const field = (name) => ({ name, value: values.value[name], onInput: change, errors: form.errors });
  if (!vendors.value) return null;
  const known = vendors.value.filter(({ id }) => id !== application.vendorId); // its own may take no more applications
  return html`<details class="category"><summary><h2>${t("account-change")}</h2></summary>
    <form onSubmit=${form.submit} novalidate>
      <${ErrorSummary} error=${form.error} />
      <${VendorField} vendors=${[application.vendor, ...known]} ...${field("vendorId")} />
      <${Field} label=${t("account-goods")} dir="auto" ...${field("itemDescription")} />
      <${MoneyField} currency=${application.currency} label=${t("murabaha-cost")} ...${field("requestedAmount")} />
      <${SubmitButton} isSending=${form.isSending}>${t("account-save")}</${SubmitButton}>
    </form></details>`;
}

/** The price and the schedule as they will be, and the step that makes them the sale's. */
function Accept({ path, application: { currency, termMonths, contract }, onChange }) {
  const send = useStep();
  const firstDueOn = useSignal("");
  const { cost, profitRate, downPayment, sellingPrice } = contract;
  const day = firstDueOn.value || null;
  const quote = useResource((signal) => post("/murabaha/quotes", { cost, profitRate, termMonths, downPayment, currency, firstDueOn: day }, { signal }), [day]);
  const accept = async () => {
    await send(`${path}/accept`, { firstDueOn: day });
    onChange();
  };
  const price = formatMoney(sellingPrice, currency);
  return html`<${Card} title=${t("account-accept-title", { day: formatDate(contract.expiresAt) })}>
    <${Field} type="date" name="firstDueOn" label=${t("account-first-due")} hint=${t("account-first-due-hint")} value=${firstDueOn.value} onChange=${(event) => (firstDueOn.value = event.target.value)} errors=${quote.error?.fields} />
    ${quote.error && !quote.error.fields?.firstDueOn && html`<${Failure} error=${quote.error} onRetry=${quote.reload} />`}
    ${quote.value && html`<${Installments} rows=${quote.value.installments} currency=${currency} />`}
    <p>${t("murabaha-fixed")}</p>
    <${AskButton} class="" label=${t("account-accept", { price })} onConfirm=${accept}>${t("account-accept-hint")}</${AskButton}>
  </${Card}>`;
}

/** Read the application again and again until `isDone(application)`, then the page. */
function usePolling(path, isNeeded, isDone, onDone) {
  useEffect(() => {
    if (!isNeeded) return undefined;
    const controller = new AbortController();
    poll(path, { isDone, onChange: () => {}, abort: controller.signal }).then(() => !controller.signal.aborted && onDone(), () => {});
    return () => controller.abort();
  }, [isNeeded]);
}

function DownPayment({ path, application: { currency, contract }, onChange }) {
  const isWaiting = useSignal(false);
  const { downPayment, downPaymentPaid } = contract;
  const finish = () => ((isWaiting.value = false), onChange());
  usePolling(path, isWaiting.value, (next) => next.contract.downPaymentPaid !== downPaymentPaid, finish);
  const figures = [[t("murabaha-downPayment"), formatMoney(downPayment, currency)], [t("account-installment-paid"), formatMoney(downPaymentPaid, currency)]];
  return html`<${Card} title=${t("account-pay-down-payment")}>
    <${Figures} items=${figures} />
    ${isWaiting.value ? html`<p role="status" aria-busy="true">${t("account-processing")}</p>` : html`<${Pay} path=${`${path}/down-payment/pay`} hint=${t("optional")} amount=${downPayment - downPaymentPaid} currency=${currency} onPaid=${() => (isWaiting.value = true)} />`}
  </${Card}>`;
}

function NextInstallment({ path, application: { currency, installments }, onChange }) {
  const isProcessing = ({ status }) => status === "processing";
  const isWaiting = installments.some(isProcessing);
  usePolling(path, isWaiting, (next) => !next.installments.some(isProcessing), onChange);
  const next = installments.find(({ status }) => status !== "paid" && status !== "waived");
  if (!next) return null;
  return html`<${Card} title=${t("account-pay-installment", { number: String(next.number), day: formatDate(next.dueDate) })}>
    ${isWaiting ? html`<p role="status" aria-busy="true">${t("account-processing")}</p>` : html`<${Pay} key=${next.number} path=${`${path}/installments/${next.number}/pay`} hint=${t("account-other-amount-hint")} amount=${next.amount - next.paidAmount} currency=${currency} onPaid=${onChange} />`}
  </${Card}>`;
}

function Offer({ path, application: { currency, contract } }) {
  const money = (amount) => formatMoney(amount, currency);
  const items = [["price", "sellingPrice"], ["cost", "cost"], ["profit", "profit"], ["downPayment", "downPayment"]].map(([text, name]) => [t(`murabaha-${text}`), money(contract[name])]);
  return html`<${Card} title=${t("account-price")}>
    <${Figures} items=${items} />
    <p><a href=${`/api${path}/agreement?lang=${language.value}`} download>${t("account-agreement")}</a></p>
  </${Card}>`;
}

function Schedule({ schedule: { currency, paid, waived, remaining, installments } }) {
  const parts = [["account-installment-paid", paid], ["murabaha-left", remaining], ["account-installment-waived", waived]]
    .filter(([name, value]) => value > 0 || name !== "account-installment-waived")
    .map(([name, value]) => ({ name: t(name), value, text: formatMoney(value, currency) }));
  return html`<${Card} title=${t("schedule")}>
    <${StackedBar} label=${parts.map(({ name, text }) => `${name} ${text}`).join(", ")} parts=${parts} first=${3} />
    <${Installments} rows=${installments} currency=${currency} />
  </${Card}>`;
}

/** The instalments, with what was paid of each if they are those of a sale. */
function Installments({ rows, currency }) {
  const state = ({ status, paidAmount }) => t(`account-installment-${status}`) + (status !== "paid" && paidAmount > 0 ? ` (${t("account-paid-of", { amount: formatMoney(paidAmount, currency) })})` : "");
  const cells = (row) => [`${row.number} · ${formatDate(row.dueDate)}`, formatMoney(row.amount, currency), ...(row.status ? [state(row)] : [])];
  const columns = [[t("due-date")], [t("amount"), "number"], ...(rows[0].status ? [[t("account-state")]] : [])];
  return html`<${Table} label=${t("schedule")} columns=${columns} rows=${rows.map(cells)} />`;
}

const Papers = ({ names }) =>
  html`<${Card} title=${t("account-papers")}><ul class="lines">
    ${names.map((name) => html`<li><a class="target" href=${`/api/uploads/${encodeURIComponent(name)}`} download>${name}</a></li>`)}
  </ul></${Card}>`;

function History({ events }) {
  return html`<${Card} title=${t("account-history")}><ul class="lines">
    ${events.map(({ action, at, facts }) => html`<li><div><time datetime=${at}>${formatDate(at)}</time> <span>${describe(action)}</span></div>${facts.reason && html`<small dir="auto">${facts.reason}</small>`}</li>`)}
  </ul></${Card}>`;
}

/** Name an event; one that is newer than these texts has its own name. */
function describe(action) {
  const text = t(`account-event-${action}`);
  return text.startsWith("account-event-") ? action.replaceAll("_", " ") : text;
}
