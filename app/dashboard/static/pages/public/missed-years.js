import { html, useSignal } from "../../vendor/preact.js";
import { Card } from "../../components/card.js";
import { CurrencyField } from "../../components/currency.js";
import { ErrorSummary, Field, MoneyField, SelectField, SubmitButton, normalizeAmount, useForm } from "../../components/fields.js";
import { Heading } from "../../components/heading.js";
import { Empty } from "../../components/states.js";
import { Table } from "../../components/table.js";
import { post } from "../../lib/api.js";
import { formatDate, formatMoney, formatPercent } from "../../lib/format.js";
import { t } from "../../lib/i18n.js";
import { config } from "../../lib/session.js";
import { readDraft, storeDraft } from "../../lib/storage.js";

export const title = "missed";
const DRAFT = "missed-years";
const MAX_YEARS = 30;
const newYear = () => ({ asOf: "", wealth: "", debts: "" });

export default function MissedYears() {
  const values = useSignal({ currency: config.value.defaultCurrency, nisabBasis: config.value.nisabBasis, years: [newYear()], ...readDraft(DRAFT) });
  const result = useSignal(null);
  const set = (changes) => {
    values.value = { ...values.value, ...changes };
    storeDraft(DRAFT, values.value);
  };
  const { currency, nisabBasis, years } = values.value;
  const { submit, error, errors, isSending } = useForm(async () => {
    result.value = await post("/zakat/missed-years", { currency, nisabBasis, years: years.map(bodyOf) });
  });
  const change = (index) => (event) => set({ years: years.map((year, other) => (other === index ? { ...year, [event.target.name.split(".").at(-1)]: event.target.value } : year)) });
  return html`<p><a href="/dashboard/zakat">${t("zakat")}</a></p>
    <${Heading} intro=${t("missed-intro")}>${t("missed")}</${Heading}>
    <div class="columns wide-first">
      <form onSubmit=${submit} novalidate>
        <${ErrorSummary} error=${error} />
        <${CurrencyField} value=${currency} errors=${errors} onChange=${(event) => set({ currency: event.target.value })} />
        <${SelectField} name="nisabBasis" label=${t("zakat-nisabBasis")} value=${nisabBasis} options=${["gold", "silver"].map((key) => [key, t(`nisabBasis-${key}`)])} onChange=${(event) => set({ nisabBasis: event.target.value })} />
        ${years.map((year, index) => html`<${Year} key=${index} year=${year} index=${index} currency=${currency} errors=${errors} onInput=${change(index)} onRemove=${years.length > 1 && (() => set({ years: years.filter((_, other) => other !== index) }))} />`)}
        <p class="buttons">
          ${years.length < MAX_YEARS && html`<button type="button" class="secondary" onClick=${() => set({ years: [...years, newYear()] })}>${t("missed-add")}</button>`}
          <${SubmitButton} isSending=${isSending}>${t("missed-show")}</${SubmitButton}>
        </p>
      </form>
      <section aria-live="polite">${result.value ? html`<${Result} result=${result.value} />` : html`<${Empty} title=${t("missed-empty")}>${t("missed-empty-hint")}</${Empty}>`}</section>
    </div>`;
}

function bodyOf({ asOf, wealth, debts }) {
  const year = { asOf, assets: [{ category: "other", amount: normalizeAmount(wealth) }] };
  return debts.trim() ? { ...year, liabilities: [{ amount: normalizeAmount(debts) }] } : year;
}

function Year({ year, index, currency, errors, onInput, onRemove }) {
  const at = (field) => `years.${index}.${field}`;
  const shown = { [at("asOf")]: errors[at("asOf")], [at("wealth")]: errors[at("assets.0.amount")], [at("debts")]: errors[at("liabilities.0.amount")] };
  const field = (name) => ({ name: at(name), value: year[name], onInput, errors: shown });
  return html`<fieldset class="item"><legend>${t("missed-year", { number: index + 1 })}</legend>
    <${Field} type="date" label=${t("missed-day")} hint=${t("missed-day-hint")} ...${field("asOf")} />
    <${MoneyField} currency=${currency} label=${t("zakat-wealth")} ...${field("wealth")} />
    <${MoneyField} currency=${currency} label=${t("liabilities-due")} hint=${t("optional")} ...${field("debts")} />
    ${onRemove && html`<button type="button" class="plain" onClick=${onRemove}>${t("missed-remove")}</button>`}
  </fieldset>`;
}

function Result({ result: { years, totals } }) {
  const columns = [[t("missed-day")], [t("nisab"), "number"], [t("zakat-wealth"), "number"], [t("zakat-sum"), "number"]];
  const row = (year) => [formatDate(year.asOf), ...[year.nisab, year.wealth, year.zakatAmount].map((amount) => formatMoney(amount, year.currency))];
  return html`<${Card} title=${t("missed-total")}>
    ${totals.map(({ currency, zakatAmount }) => html`<p class="total" role="status">${formatMoney(zakatAmount, currency)}</p>`)}
    <p>${t("missed-rule", { rate: formatPercent(years[0].rate, 3) })}</p>
    <${Table} label=${t("missed")} columns=${columns} rows=${years.map(row)} />
  </${Card}>`;
}
