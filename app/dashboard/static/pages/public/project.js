import { html, useSignal } from "../../vendor/preact.js";
import { Card, Figures } from "../../components/card.js";
import { Field, describeError, useForm } from "../../components/fields.js";
import { Heading } from "../../components/heading.js";
import { GiveLink, ProjectProgress } from "../../components/project.js";
import { StackedBar } from "../../components/charts.js";
import { Empty, Failure, Skeleton } from "../../components/states.js";
import { notify } from "../../components/toast.js";
import { get } from "../../lib/api.js";
import { saveCsv } from "../../lib/csv.js";
import { formatDate, formatMoney } from "../../lib/format.js";
import { t } from "../../lib/i18n.js";
import { useResource } from "../../lib/resource.js";

export const title = "project";

export default function ProjectPage({ id }) {
  const project = useResource((signal) => get(`/waqf/projects/${encodeURIComponent(id)}`, {}, { signal }), [id]);
  if (project.error) return html`<${Heading}>${t("project")}</${Heading}><${Failure} error=${project.error} onRetry=${project.reload} />`;
  if (!project.value) return html`<${Skeleton} lines=${8} />`;
  const { name, description, category, active } = project.value;
  return html`<p><a href="/dashboard">${t("to-projects")}</a></p>
    <p class="tag">${t(`category-${category}`)}${!active && ` · ${t("closed")}`}</p>
    <${Heading} intro=${html`<span dir="auto">${description}</span>`}><bdi>${name}</bdi></${Heading}>
    <${ProjectProgress} project=${project.value} />
    <p><${GiveLink} project=${project.value} /></p>
    <${Ledger} id=${id} />`;
}

function Ledger({ id }) {
  const range = useSignal({ from: "", to: "" });
  const limit = useSignal(10);
  const query = { ...range.value, limit: limit.value };
  const ledger = useResource((signal) => get(`/waqf/projects/${encodeURIComponent(id)}/ledger`, query, { signal }), [range.value, limit.value]);
  const change = (event) => (range.value = { ...range.value, [event.target.name]: event.target.value });
  return html`<${Card} title=${t("ledger")}>
    <p>${t("ledger-intro")}</p>
    <div class="filters">
      ${["from", "to"].map((name) => html`<${Field} type="date" name=${name} label=${t(name)} value=${range.value[name]} onChange=${change} errors=${ledger.error?.fields} />`)}
    </div>
    ${ledger.error && html`<${Failure} error=${ledger.error} onRetry=${ledger.reload} />`}
    ${!ledger.value && !ledger.error && html`<${Skeleton} lines=${8} />`}
    ${ledger.value && html`<${Totals} ledger=${ledger.value} /><${Entries} ledger=${ledger.value} />`}
    ${ledger.value?.entries.data.length > 0 && html`<${SaveLedger} id=${id} range=${range.value} />`}
    ${ledger.value?.entries.pagination.next && limit.value < 100 && html`<button type="button" class="secondary" onClick=${() => (limit.value = Math.min(limit.value * 2, 100))}>${t("more")}</button>`}
  </${Card}>`;
}

const COLUMNS = ["date", "kind", "amount", "donorName", "recipient", "purpose"];

/** Read all pages of the ledger in the period, and save them as one file. */
function SaveLedger({ id, range }) {
  const form = useForm(async () => {
    const rows = [[...COLUMNS, "currency"]];
    let after;
    try {
      do {
        const { entries, currency } = await get(`/waqf/projects/${encodeURIComponent(id)}/ledger`, { ...range, limit: 100, after });
        rows.push(...entries.data.map((entry) => [...COLUMNS.map((name) => entry[name]), currency]));
        after = entries.pagination.next;
      } while (after);
      saveCsv(`ledger-${id}.csv`, rows);
    } catch (error) {
      notify(describeError(error));
    }
  });
  return html`<p><button type="button" class="secondary" aria-busy=${form.isSending ? "true" : undefined} onClick=${form.submit}>${t("ledger-csv")}</button></p>`;
}

function Totals({ ledger }) {
  const money = (amount) => formatMoney(amount, ledger.currency);
  const parts = [["refunded", ledger.refunded], ["spent", ledger.disbursed], ["balance", ledger.balance]];
  const shown = parts.map(([name, value]) => ({ name: t(name), value: Math.max(value, 0), text: money(value) }));
  return html`<${Figures} items=${[[t("received"), money(ledger.received)]]} />
    <${StackedBar} label=${shown.map((part) => `${part.name} ${part.text}`).join(", ")} parts=${shown} />`;
}

function Entries({ ledger }) {
  const { data } = ledger.entries;
  if (!data.length) return html`<${Empty} title=${t("no-entries")}>${t("no-entries-hint")}</${Empty}>`;
  return html`<div class="scroll" tabindex="0" role="region" aria-label=${t("entries")}><table>
    <thead><tr><th scope="col">${t("date")}</th><th scope="col">${t("entry")}</th><th scope="col" class="number">${t("amount")}</th></tr></thead>
    <tbody>${data.map((entry) => html`<tr>
      <td>${formatDate(entry.date)}</td>
      <td>${t(`entry-${entry.kind}`)} · <bdi>${entry.recipient || entry.donorName || t("anonymous")}</bdi>${entry.purpose && html`<br /><small dir="auto">${entry.purpose}</small>`}</td>
      <td class="number">${formatMoney(entry.amount, ledger.currency)}</td>
    </tr>`)}</tbody>
  </table></div>`;
}
