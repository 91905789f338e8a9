import { html } from "../../vendor/preact.js";
import { AskButton } from "../../components/ask.js";
import { Card, Figures } from "../../components/card.js";
import { BarChart } from "../../components/charts.js";
import { Heading } from "../../components/heading.js";
import { List } from "../../components/list.js";
import { Failure, Skeleton } from "../../components/states.js";
import { get, remove } from "../../lib/api.js";
import { formatDate, formatMoney, today } from "../../lib/format.js";
import { language, t } from "../../lib/i18n.js";
import { useList } from "../../lib/list.js";
import { useResource } from "../../lib/resource.js";
import { config } from "../../lib/session.js";

export const title = "account-zakat";
const YEARS = 10; // the most that the chart shows

export default function Zakat() {
  const list = useList("/zakat/calculations");
  const hint = html`<a href="/dashboard/zakat">${t("account-calculate")}</a>`;
  return html`<${Heading} intro=${t("account-zakat-intro")}>${t("account-zakat")}</${Heading}>
    ${list.rows?.length > 0 && html`${hasYears(list) && html`<${Years} key=${list.rows.length} />`}
      <p class="actions start">${hint} <a class="target" href="/api/zakat/calculations/export?format=csv" download>${t("account-csv")}</a></p>`}
    <${List} list=${list} empty=${t("account-no-calculations")} hint=${hint}>
      ${(rows) => html`<ul class="lines">${rows.map((row) => html`<${Calculation} key=${row.id} calculation=${row} onDelete=${list.reload} />`)}</ul>`}
    </${List}>`;
}

const yearOf = (moment) => today(config.value.timeZone, new Date(moment)).slice(0, 4);

/** Whether the calculations are, or may be, of more than one year. */
const hasYears = ({ rows, more }) => more || yearOf(rows[0].calculatedAt) !== yearOf(rows.at(-1).calculatedAt);

function Calculation({ calculation: { id, zakatAmount, wealth, currency, calculatedAt, eligible, notes }, onDelete }) {
  const day = formatDate(calculatedAt);
  const destroy = async () => {
    await remove(`/zakat/calculations/${id}`);
    onDelete();
  };
  return html`<li>
    <div><time datetime=${calculatedAt}>${day}</time> <strong>${formatMoney(zakatAmount, currency)}</strong>
      <span>${t("zakat-wealth")} ${formatMoney(wealth, currency)}</span>${!eligible && html`<span>${t("account-not-due")}</span>`}</div>
    ${notes && html`<small dir="auto">${notes}</small>`}
    <div class="actions start">
      <a class="target" href=${`/api/zakat/calculations/${id}/report?lang=${language.value}`} aria-label=${`${t("download-pdf")}: ${day}`} download>${t("download-pdf")}</a>
      <${AskButton} class="plain" label=${t("account-delete")} title=${t("account-delete-calculation", { day })} onConfirm=${destroy}>${t("account-not-undone")}</${AskButton}>
    </div>
  </li>`;
}

/** Read the totals of each year since the oldest calculation, oldest first. */
async function loadYears(signal) {
  const now = Number(yearOf(Date.now()));
  const { data } = await get("/zakat/calculations", { sort: "calculatedAt", limit: 1 }, { signal });
  const first = data.length ? Number(yearOf(data[0].calculatedAt)) : now;
  const years = Array.from({ length: Math.min(now - first + 1, YEARS) }, (_, index) => now - index).reverse();
  return Promise.all(years.map((year) => get("/zakat/summary", { year }, { signal })));
}

/** The zakat calculated in each year, for each currency that has more than one. */
function Years() {
  const { value: years, error, reload } = useResource(loadYears);
  if (error) return html`<${Failure} error=${error} onRetry=${reload} />`;
  if (!years) return html`<${Card}><${Skeleton} lines=${10} /></${Card}>`;
  const currencies = new Set(years.flatMap(({ totals }) => totals.map(({ currency }) => currency)));
  return [...currencies].map((currency) => {
    const points = years.flatMap(({ year, totals }) => {
      const total = totals.find((other) => other.currency === currency);
      return total ? [{ name: String(year), value: total.zakatAmount, text: formatMoney(total.zakatAmount, currency) }] : [];
    });
    if (points.length < 2) return null;
    const label = `${t("account-zakat-calculated")}: ${points.map(({ name, text }) => `${name} ${text}`).join(", ")}`;
    return html`<${Card} title=${t("account-zakat-years", { currency })}>
      <${BarChart} label=${label} points=${points} /><${Figures} items=${points.map(({ name, text }) => [name, text])} />
    </${Card}>`;
  });
}
