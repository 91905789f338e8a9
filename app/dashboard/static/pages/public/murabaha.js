import { html, useSignal } from "../../vendor/preact.js";
import { Card, Figures } from "../../components/card.js";
import { StackedBar } from "../../components/charts.js";
import { ErrorSummary, Field, MoneyField, SubmitButton, normalizeAmount, useForm } from "../../components/fields.js";
import { CurrencyField } from "../../components/currency.js";
import { Heading } from "../../components/heading.js";
import { Empty } from "../../components/states.js";
import { post } from "../../lib/api.js";
import { formatDate, formatMoney, formatPercent } from "../../lib/format.js";
import { t } from "../../lib/i18n.js";
import { config } from "../../lib/session.js";

export const title = "murabaha";

/** Write a percentage as the fraction that the API takes: "15" is "0.15". */
function fractionOf(percent) {
  const number = Number(normalizeAmount(percent));
  return percent.trim() === "" || Number.isNaN(number) ? percent : String(Number((number / 100).toFixed(8)));
}

export default function Murabaha() {
  const form = useSignal({ cost: "", profitRate: "15", termMonths: "12", downPayment: "", currency: config.value.defaultCurrency });
  const quote = useSignal(null);
  const { cost, profitRate, termMonths, downPayment, currency } = form.value;
  const change = (event) => (form.value = { ...form.value, [event.target.name]: event.target.value });
  const { submit, error, errors, isSending } = useForm(async () => {
    const body = { cost: normalizeAmount(cost), profitRate: fractionOf(profitRate), termMonths: Number(termMonths), currency };
    if (downPayment) body.downPayment = normalizeAmount(downPayment);
    quote.value = await post("/murabaha/quotes", body);
  });
  const field = (name) => ({ name, label: t(`murabaha-${name}`), value: form.value[name], onInput: change, errors });
  return html`<${Heading} intro=${t("murabaha-intro")}>${t("murabaha")}</${Heading}>
    <div class="columns">
      <form onSubmit=${submit} novalidate>
        <${ErrorSummary} error=${error} />
        <${CurrencyField} value=${currency} onChange=${change} errors=${errors} />
        <${MoneyField} currency=${currency} ...${field("cost")} />
        <${MoneyField} currency=${currency} hint=${t("optional")} ...${field("downPayment")} />
        <${Field} inputmode="decimal" dir="ltr" prefix="%" hint=${t("profit-hint")} ...${field("profitRate")} />
        <${Field} type="number" min="6" max="60" ...${field("termMonths")} hint=${t("term-hint")} />
        <${SubmitButton} isSending=${isSending}>${t("murabaha-show")}</${SubmitButton}>
      </form>
      <section aria-live="polite">${quote.value ? html`<${Quote} quote=${quote.value} />` : html`<${Empty} title=${t("no-quote")}>${t("no-quote-hint")}</${Empty}>`}</section>
    </div>`;
}

function Quote({ quote }) {
  const money = (amount) => formatMoney(amount, quote.currency);
  const part = (name, value) => ({ name: t(`murabaha-${name}`), value, text: money(value) });
  const price = [part("cost", quote.cost), part("profit", quote.profit)];
  const paid = [part("paid", quote.downPayment), part("left", quote.financed)];
  const describe = (parts) => parts.map(({ name, text }) => `${name} ${text}`).join(", ");
  return html`<${Card} title=${t("murabaha-offer")}>
    <${Figures} items=${[[t("murabaha-price"), money(quote.sellingPrice)], [t("murabaha-rate"), formatPercent(quote.profitRate, 2)]]} />
    <${StackedBar} label=${describe(price)} parts=${price} />
    <${StackedBar} label=${describe(paid)} parts=${paid} first=${3} />
    <p>${t("murabaha-fixed")}</p>
    <h3>${t("schedule")}</h3>
    <div class="scroll" tabindex="0" role="region" aria-label=${t("schedule")}><table>
      <thead><tr><th scope="col">${t("number")}</th><th scope="col">${t("due-date")}</th><th scope="col" class="number">${t("amount")}</th></tr></thead>
      <tbody>${quote.installments.map((installment) => html`<tr><td>${installment.number}</td><td>${formatDate(installment.dueDate)}</td><td class="number">${money(installment.amount)}</td></tr>`)}</tbody>
    </table></div>
  </${Card}>`;
}
