import { html, useSignal } from "../../vendor/preact.js";
import { AskButton } from "../../components/ask.js";
import { Card, Figures } from "../../components/card.js";
import { LineChart } from "../../components/charts.js";
import { CurrencyField } from "../../components/currency.js";
import { Dialog } from "../../components/dialog.js";
import { ErrorSummary, MoneyField, SubmitButton, normalizeAmount, useForm } from "../../components/fields.js";
import { Heading } from "../../components/heading.js";
import { Empty, Failure, Skeleton } from "../../components/states.js";
import { Table } from "../../components/table.js";
import { notify } from "../../components/toast.js";
import { get, remove, request } from "../../lib/api.js";
import { DAY, formatDate, formatMoney, formatNumber } from "../../lib/format.js";
import { t } from "../../lib/i18n.js";
import { useResource } from "../../lib/resource.js";
import { config } from "../../lib/session.js";

export const title = "admin-prices";
const METALS = ["gold", "silver"];

export default function Prices() {
  const currency = useSignal(config.value.defaultCurrency);
  const history = useResource((signal) => get("/zakat/nisab/history", { currency: currency.value, limit: 100 }, { signal, cache: "no-cache" }), [currency.value]);
  const rows = history.value?.data;
  return html`<${Heading} intro=${t("admin-prices-intro")}>${t("admin-prices")}</${Heading}>
    <div class="filters"><${CurrencyField} value=${currency.value} onChange=${(event) => (currency.value = event.target.value)} /></div>
    <div class="columns">
      <${Publish} key=${currency.value} currency=${currency.value} last=${rows?.[0]} onPublished=${history.reload} />
      <section>
        ${history.error && html`<${Failure} error=${history.error} onRetry=${history.reload} />`}
        ${!history.error && !rows && html`<${Skeleton} lines=${8} />`}
        ${rows && (rows.length ? html`<${History} rows=${rows} currency=${currency.value} onChange=${history.reload} />` : html`<${Empty} title=${t("admin-prices-none")}>${t("admin-prices-hint")}</${Empty}>`)}
      </section>
    </div>`;
}

/** A price has more decimals than the currency. */
const formatPrice = (price, currency) => `${formatNumber(price, { maximumFractionDigits: 6 })} ${currency}`;

function History({ rows, currency, onChange }) {
  const standing = rows.filter(({ withdrawnAt }) => !withdrawnAt);
  const age = (row) => Math.max(0, Math.floor((Date.now() - Date.parse(row.effectiveAt)) / DAY));
  const inForce = rows.find((row) => row.inForce);
  const chart = (metal) => {
    const points = standing.filter((row) => row[metal]).map((row) => ({ name: formatDate(row.effectiveAt), value: row[metal].pricePerGram, text: formatPrice(row[metal].pricePerGram, currency) })).reverse();
    return points.length > 1 && html`<h3>${t(`nisabBasis-${metal}`)}</h3><${LineChart} label=${t(`admin-price-${metal}`)} points=${points} />`;
  };
  const cells = (row) => [formatDate(row.effectiveAt), ...METALS.flatMap((metal) => (row[metal] ? [formatPrice(row[metal].pricePerGram, currency), formatMoney(row[metal].nisab, currency)] : ["–", "–"])), html`<${State} price=${row} onChange=${onChange} />`];
  const columns = [[t("admin-effective")], ...METALS.flatMap((metal) => [[t(`admin-price-${metal}`), "number"], [t(`admin-nisab-${metal}`), "number"]]), [t("admin-status")]];
  return html`<${Card} title=${t("admin-prices-published")}>
    <${Figures} items=${[[t("admin-age"), inForce ? t("admin-days", { count: age(inForce) }) : "–"]]} />
    ${METALS.map(chart)}
    <${Table} label=${t("admin-prices-published")} columns=${columns} rows=${rows.map(cells)} />
  </${Card}>`;
}

/** Whether a price applies; one that was published by mistake can be withdrawn. */
function State({ price: { id, inForce, effectiveAt, withdrawnAt }, onChange }) {
  const withdraw = async () => {
    await remove(`/zakat/nisab/${id}`);
    notify(t("admin-price-withdrawn"));
    onChange();
  };
  if (withdrawnAt) return t("admin-price-withdrawn");
  return html`${inForce && html`<strong>${t("admin-price-in-force")}</strong> `}<${AskButton} class="plain" aria-label=${`${t("admin-price-withdraw")}: ${formatDate(effectiveAt)}`} label=${t("admin-price-withdraw")} onConfirm=${withdraw}>${t("admin-price-withdraw-ask")}</${AskButton}>`;
}

function Publish({ currency, last, onPublished }) {
  const values = useSignal({ gold: "", silver: "" });
  const isAsking = useSignal(false);
  const change = (event) => (values.value = { ...values.value, [event.target.name.replace("PricePerGram", "")]: event.target.value });
  const { submit, error, errors, isSending } = useForm(async () => {
    isAsking.value = false;
    const prices = Object.fromEntries(METALS.filter((metal) => values.value[metal].trim()).map((metal) => [`${metal}PricePerGram`, normalizeAmount(values.value[metal])]));
    await request("PUT", "/zakat/nisab", { body: { currency, ...prices } });
    values.value = { gold: "", silver: "" };
    notify(t("admin-published"));
    onPublished();
  });
  const ask = (event) => {
    event.preventDefault();
    isAsking.value = true;
  };
  const field = (metal) => html`<${MoneyField} currency=${currency} name=${`${metal}PricePerGram`} label=${t(`admin-price-${metal}`)} hint=${last?.[metal] && t("admin-last", { price: formatPrice(last[metal].pricePerGram, currency) })} value=${values.value[metal]} errors=${errors} onInput=${change} />`;
  return html`<form onSubmit=${ask} novalidate>
    <h2>${t("admin-publish")}</h2>
    <${ErrorSummary} error=${error} />
    ${METALS.map(field)}
    <${SubmitButton} isSending=${isSending}>${t("admin-publish")}</${SubmitButton}>
    <${Dialog} isOpen=${isAsking.value} title=${t("admin-publish")} confirm=${t("admin-confirm")} onConfirm=${submit} onClose=${() => (isAsking.value = false)}>
      <p>${t("admin-ask-publish")}</p>
      <ul>${METALS.filter((metal) => values.value[metal].trim()).map((metal) => html`<li>${t(`admin-price-${metal}`)}: ${last?.[metal] && `${formatPrice(last[metal].pricePerGram, currency)} → `}<strong>${values.value[metal]} ${currency}</strong></li>`)}</ul>
    </${Dialog}>
  </form>`;
}
