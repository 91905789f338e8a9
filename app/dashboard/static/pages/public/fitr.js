import { html, useSignal } from "../../vendor/preact.js";
import { Card, Figures } from "../../components/card.js";
import { CurrencyField } from "../../components/currency.js";
import { ErrorSummary, Field, MoneyField, SubmitButton, normalizeAmount, useForm } from "../../components/fields.js";
import { Heading } from "../../components/heading.js";
import { Empty } from "../../components/states.js";
import { post } from "../../lib/api.js";
import { formatDate, formatMoney, formatNumber } from "../../lib/format.js";
import { t } from "../../lib/i18n.js";
import { config } from "../../lib/session.js";

export const title = "fitr";

export default function Fitr() {
  const values = useSignal({ people: "1", perPerson: "", currency: config.value.defaultCurrency });
  const result = useSignal(null);
  const change = (event) => (values.value = { ...values.value, [event.target.name]: event.target.value });
  const { people, perPerson, currency } = values.value;
  const { submit, error, errors, isSending } = useForm(async () => {
    result.value = await post("/zakat/fitr", { people: Number(people) || people, perPerson: normalizeAmount(perPerson), currency });
  });
  const field = (name) => ({ name, value: values.value[name], onInput: change, errors });
  return html`<p><a href="/dashboard/zakat">${t("zakat")}</a></p>
    <${Heading} intro=${t("fitr-intro")}>${t("fitr")}</${Heading}>
    <div class="columns">
      <form onSubmit=${submit} novalidate>
        <${ErrorSummary} error=${error} />
        <${CurrencyField} value=${currency} onChange=${change} errors=${errors} />
        <${Field} type="number" min="1" label=${t("fitr-people")} hint=${t("fitr-people-hint")} ...${field("people")} />
        <${MoneyField} currency=${currency} label=${t("fitr-perPerson")} hint=${t("fitr-perPerson-hint")} ...${field("perPerson")} />
        <${SubmitButton} isSending=${isSending}>${t("missed-show")}</${SubmitButton}>
      </form>
      <section aria-live="polite">${result.value ? html`<${Result} fitr=${result.value} />` : html`<${Empty} title=${t("missed-empty")}>${t("fitr-empty-hint")}</${Empty}>`}</section>
    </div>`;
}

const Result = ({ fitr }) =>
  html`<${Card} title=${t("fitr")}>
    <p class="total" role="status">${formatMoney(fitr.total, fitr.currency)}</p>
    <${Figures} items=${[[t("fitr-people"), formatNumber(fitr.people)], [t("fitr-perPerson"), formatMoney(fitr.perPerson, fitr.currency)], [t("fitr-before"), formatDate(fitr.dueBefore)]]} />
  </${Card}>`;
