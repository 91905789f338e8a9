import { html, useEffect, useMemo, useSignal } from "../../vendor/preact.js";
import { Card } from "../../components/card.js";
import { CurrencyField } from "../../components/currency.js";
import { CheckField, Choice, ErrorSummary, Field, MoneyField, SelectField, SubmitButton, useForm } from "../../components/fields.js";
import { Heading } from "../../components/heading.js";
import { Empty, Failure } from "../../components/states.js";
import { notify } from "../../components/toast.js";
import { ZakatBreakdown, ZakatSum } from "../../components/zakat.js";
import { get, makeIdempotencyKey, post } from "../../lib/api.js";
import { formatMoney } from "../../lib/format.js";
import { language, t } from "../../lib/i18n.js";
import { useResource } from "../../lib/resource.js";
import { config, user } from "../../lib/session.js";
import { readDraft, storeDraft } from "../../lib/storage.js";
import { CARDS, bodyOf, fieldsOf, hasSeveral, isComplete, isFilled, itemsOf, placeErrors } from "../../lib/zakat-form.js";

export const title = "zakat";
const PAUSE = 400; // milliseconds without typing, until the sum is calculated
const DRAFT = "zakat"; // what was typed stays in this tab, until it is closed or the user signs out

const firstValues = () => ({
  mode: "itemised",
  currency: config.value.defaultCurrency,
  nisabBasis: config.value.nisabBasis,
  yearBasis: "lunar",
  school: "majority",
  nisabStandard: config.value.nisabStandard,
  wealth: "",
  nisab: "",
  ...readDraft(DRAFT),
});

export default function Zakat() {
  const values = useSignal(firstValues());
  const set = (name, value) => {
    values.value = { ...values.value, [name]: value };
    storeDraft(DRAFT, values.value);
  };
  const { calculation, error, errors } = useCalculation(values.value);
  const form = { values: values.value, set, errors };
  return html`<${Heading} intro=${t("zakat-intro")}>${t("zakat")}</${Heading}>
    <p class="buttons"><a href="/dashboard/zakat/missed-years">${t("missed")}</a> <a href="/dashboard/zakat/fitr">${t("fitr")}</a></p>
    <div class="columns wide-first">
      <div>
        <${Choice} label=${t("zakat-way")} name="mode" value=${values.value.mode} onChange=${(mode) => set("mode", mode)}
          options=${[["itemised", t("zakat-itemised")], ["known", t("zakat-known")]]} />
        ${values.value.mode === "known" ? html`<${KnownAmount} form=${form} />` : html`<${Itemised} form=${form} />`}
      </div>
      <section class="sum" aria-label=${t("zakat-sum")}>
        ${error && (!Object.keys(errors).length || errors[""]) && html`<${Failure} error=${error} />`}
        ${calculation ? html`<${ZakatSum} calculation=${calculation} /><${Save} values=${values.value} />` : html`<${Empty} title=${t("zakat-empty")}>${t("zakat-empty-hint")}</${Empty}>`}
      </section>
    </div>
    ${calculation?.breakdown && html`<${ZakatBreakdown} calculation=${calculation} />`}`;
}

/** Calculate after each pause in typing; the last sum stays until the next one is there. */
function useCalculation(values) {
  const state = useSignal({ calculation: null, error: null, errors: {} });
  const request = useMemo(() => bodyOf(values), [values]);
  useEffect(() => {
    if (!isComplete(request)) {
      state.value = { calculation: null, error: null, errors: {} };
      return undefined;
    }
    const controller = new AbortController();
    const timer = setTimeout(async () => {
      try {
        const calculation = await post("/zakat/calculate", request.body, { signal: controller.signal });
        state.value = { calculation, error: null, errors: {} };
      } catch (error) {
        if (error.name === "AbortError") return;
        state.value = { ...state.value, error, errors: placeErrors(error.fields || {}, request.items) };
      }
    }, PAUSE);
    return () => (clearTimeout(timer), controller.abort());
  }, [request, language.value]);
  return state.value;
}

const input = ({ values, set, errors }, name) => ({ name, value: values[name] || "", errors, onInput: (event) => set(name, event.target.value) });

const Currency = ({ form }) =>
  html`<${CurrencyField} value=${form.values.currency} errors=${form.errors} onChange=${(event) => form.set("currency", event.target.value)} />`;

function KnownAmount({ form }) {
  const { currency } = form.values;
  const nisab = useResource((signal) => get("/zakat/nisab", { currency }, { signal }).catch((error) => (error.status === 404 ? null : Promise.reject(error))), [currency]);
  const basis = nisab.value?.currency === currency ? nisab.value[config.value.nisabBasis] : null;
  useEffect(() => {
    if (basis && !form.values.nisab) form.set("nisab", String(basis.nisab));
  }, [basis]);
  const hint = basis ? t("nisab-today", { nisab: formatMoney(basis.nisab, currency) }) : t("nisab-none");
  return html`<${Card}>
    <${Currency} form=${form} />
    <${MoneyField} currency=${currency} label=${t("zakat-wealth")} hint=${t("zakat-wealth-hint")} ...${input(form, "wealth")} />
    <${MoneyField} currency=${currency} label=${t("nisab")} hint=${hint} ...${input(form, "nisab")} />
  </${Card}>`;
}

function Itemised({ form }) {
  const choose = (name) => (event) => form.set(name, event.target.value);
  const select = (name, keys) => html`<${SelectField} name=${name} label=${t(`zakat-${name}`)} value=${form.values[name]} errors=${form.errors}
    onChange=${choose(name)} options=${keys.map((key) => [key, t(`${name}-${key}`)])} />`;
  return html`<${Currency} form=${form} />
    ${Object.entries(CARDS).map(([name, categories]) => html`<${CategoryCard} key=${name} name=${name} categories=${categories} form=${form} />`)}
    <${Card} title=${t("card-liabilities")}>
      <${MoneyField} currency=${form.values.currency} label=${t("liabilities-due")} hint=${t("liabilities-hint")} ...${input(form, "liabilities")} />
    </${Card}>
    <${Card} title=${t("card-rules")}>
      <${Field} type="date" label=${t("hawl-started")} hint=${t("hawl-hint")} ...${input(form, "hawlStartedOn")} />
      <${Field} type="date" label=${t("zakat-asOf")} hint=${t("zakat-asOf-hint")} ...${input(form, "asOf")} />
      ${select("nisabBasis", ["gold", "silver"])}
      ${select("nisabStandard", ["standard", "tola"])}
      ${select("yearBasis", ["lunar", "solar"])}
      ${select("school", ["majority", "hanafi"])}
    </${Card}>`;
}

/** A card with the items of some categories; it is open if something has been entered. */
function CategoryCard({ name, categories, form }) {
  const hasValues = categories.some((category) => Object.keys(fieldsOf(category)).some((field) => form.values[`${category}.${field}`]));
  const isOpen = useMemo(() => name === "money" || hasValues, []);
  return html`<details class="category" open=${isOpen}>
    <summary><h2>${t(`card-${name}`)}</h2></summary>
    ${categories.map((category) => html`<${Items} key=${category} category=${category} form=${form} />`)}
  </details>`;
}

/** The items of a category, and a button for another one once the last is filled in. */
function Items({ category, form }) {
  const items = itemsOf(category, form.values);
  const canAdd = hasSeveral(category) && isFilled(items.at(-1), form.values);
  return html`${items.map((item) => html`<${Item} key=${item} item=${item} form=${form} isOneOfSeveral=${items.length > 1} />`)}
    ${canAdd && html`<p><button type="button" class="plain" onClick=${() => form.set(`${category}.items`, items.length + 1)}>${t("zakat-another", { name: t(`asset-${category}`) })}</button></p>`}`;
}

function Item({ item, form, isOneOfSeveral }) {
  const [category, number] = item.split("~");
  const entries = Object.entries(fieldsOf(item));
  const label = `${t(`asset-${category}`)} ${number || ""}`;
  const fields = entries.map(([field, kind]) => html`<${ItemField} item=${item} field=${field} kind=${kind} form=${form} label=${entries.length > 1 ? t(`field-${field}`) : label} />`);
  const name = isOneOfSeveral && html`<${Field} label=${t("zakat-label")} hint=${t("optional")} dir="auto" autocomplete="off" ...${input(form, `${item}.label`)} />`;
  return name || entries.length > 1 ? html`<fieldset class="item"><legend>${label}</legend>${name}${fields}</fieldset>` : fields;
}

function ItemField({ item, field, kind, form, label }) {
  const name = `${item}.${field}`;
  if (kind === "check") return html`<${CheckField} name=${name} label=${label} checked=${Boolean(form.values[name])} onChange=${(event) => form.set(name, event.target.checked)} />`;
  if (Array.isArray(kind))
    return html`<${SelectField} name=${name} label=${label} value=${form.values[name] || kind[0]} errors=${form.errors} onChange=${(event) => form.set(name, event.target.value)} options=${kind.map((key) => [key, t(`${field}-${key}`)])} />`;
  if (kind === "money") return html`<${MoneyField} currency=${form.values.currency} label=${label} ...${input(form, name)} />`;
  return html`<${Field} inputmode="decimal" dir="ltr" autocomplete="off" label=${label} ...${input(form, name)} />`;
}

function Save({ values }) {
  const saved = useSignal(null);
  const keyOf = useMemo(makeIdempotencyKey, []);
  const text = JSON.stringify(values);
  const form = useForm(async () => {
    const { body } = bodyOf(values);
    saved.value = { ...(await post("/zakat/calculations", body, { key: keyOf(body) })), text };
    notify(t("saved"));
  });
  if (!user.value) return html`<p><a href="/dashboard/sign-in?next=/dashboard/zakat">${t("sign-in-to-save")}</a></p>`;
  if (saved.value?.text === text) return html`<p role="status">${t("saved")} <a href=${`/api/zakat/calculations/${saved.value.id}/report`} download>${t("download-pdf")}</a></p>`;
  return html`<form onSubmit=${form.submit}><${ErrorSummary} error=${form.error} /><${SubmitButton} isSending=${form.isSending}>${t("save")}</${SubmitButton}></form>`;
}
