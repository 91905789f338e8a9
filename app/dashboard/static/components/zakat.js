// The result of a zakat calculation: the sum with its nisab, the lunar year, and each line with its rule.

import { html } from "../vendor/preact.js";
import { formatDate, formatHijri, formatMoney, formatNumber, formatPercent, today } from "../lib/format.js";
import { t } from "../lib/i18n.js";
import { config } from "../lib/session.js";
import { Card, Figures } from "./card.js";
import { MarkedBar } from "./charts.js";

const DAY = 86400000; // milliseconds

export function ZakatSum({ calculation }) {
  const { wealth, nisab, zakatAmount, currency } = calculation;
  const money = (amount) => formatMoney(amount, currency);
  return html`<${Card} title=${t("zakat-sum")}>
    <p class="total" role="status">${money(zakatAmount)}</p>
    <p>${explain(calculation)}</p>
    <${Figures} items=${[[t("zakat-wealth"), money(wealth)], ...(nisab === null ? [] : [[t("nisab"), money(nisab)]])]} />
    ${nisab !== null && html`<${MarkedBar} label=${t("nisab-bar", { wealth: money(wealth), nisab: money(nisab) })} value=${wealth / (2 * nisab || 1)} mark=${0.5} />`}
    ${calculation.hawlStartedOn && html`<${LunarYear} calculation=${calculation} />`}
  </${Card}>`;
}

function explain({ eligible, wealth, nisab, hawlCompletesOn, zakatAmount, breakdown }) {
  if (hawlCompletesOn && hawlCompletesOn > today(config.value.timeZone)) return t("hawl-running", { day: formatDate(hawlCompletesOn) });
  if (breakdown?.some((line) => line.due.length) && zakatAmount === 0) return t("zakat-animals-due");
  if (eligible) return t("zakat-due");
  return nisab !== null && wealth < nisab ? t("below-nisab") : t("zakat-nothing-due");
}

/** The lunar year from its first day to its last, with today as the mark. */
function LunarYear({ calculation: { hawlStartedOn, hawlCompletesOn } }) {
  const [start, end, now] = [hawlStartedOn, hawlCompletesOn, today(config.value.timeZone)].map((day) => Date.parse(day));
  const elapsed = (now - start) / (end - start);
  const label = t("hawl-bar", { start: formatDate(hawlStartedOn), end: formatDate(hawlCompletesOn), days: Math.max(0, Math.round((end - now) / DAY)) });
  return html`<h3>${t("hawl")}</h3>
    <${MarkedBar} label=${label} value=${elapsed} mark=${elapsed} />
    <div class="ends">${[hawlStartedOn, hawlCompletesOn].map((day) => html`<span>${formatDate(day)}<br /><small>${formatHijri(day)}</small></span>`)}</div>
    <p><small>${label}</small></p>`;
}

/** The lines of the calculation, each with what counts, its rule and its source. */
export function ZakatBreakdown({ calculation: { breakdown, currency, assumptions } }) {
  return html`<${Card} title=${t("zakat-lines")}>
    <ul class="lines">${breakdown.map((line) => html`<li>
      <div><strong>${t(`asset-${line.category}`)}${line.label && html` · <bdi>${line.label}</bdi>`}</strong>
        <span>${t("counts", { amount: formatMoney(line.counted, currency) })}</span>
        <span>${line.due.length ? line.due.map(({ animal, count }) => `${formatNumber(count)} × ${t(`animal-${animal}`)}`).join(", ") : `${formatPercent(line.rate, 3)} → ${formatMoney(line.zakat, currency)}`}</span></div>
      <small><span dir="auto">${line.rule}</span><br />${t("source")}: <cite dir="auto">${line.source}</cite></small>
    </li>`)}</ul>
    ${assumptions?.length > 0 && html`<h3>${t("zakat-assumptions")}</h3><ul>${assumptions.map((text) => html`<li dir="auto">${text}</li>`)}</ul>`}
  </${Card}>`;
}
