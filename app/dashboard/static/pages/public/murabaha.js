import { html, useSignal } from "../../vendor/preact.js";
import { ErrorSummary, Field, MoneyField, SubmitButton, fractionOf, normalizeAmount, useForm } from "../../components/fields.js";
import { CurrencyField } from "../../components/currency.js";
import { Heading } from "../../components/heading.js";
import { Quote } from "../../components/quote.js";
import { Empty } from "../../components/states.js";
import { post } from "../../lib/api.js";
import { t } from "../../lib/i18n.js";
import { config } from "../../lib/session.js";

export const title = "murabaha";

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
