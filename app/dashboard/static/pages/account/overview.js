import { html } from "../../vendor/preact.js";
import { Card, Figures } from "../../components/card.js";
import { Heading } from "../../components/heading.js";
import { Empty, Failure, Skeleton } from "../../components/states.js";
import { get } from "../../lib/api.js";
import { formatDate, formatMoney, today } from "../../lib/format.js";
import { t } from "../../lib/i18n.js";
import { readAll } from "../../lib/list.js";
import { formatSums } from "../../lib/money.js";
import { useResource } from "../../lib/resource.js";
import { config, user } from "../../lib/session.js";

export const title = "account-overview";
const SOON = 7 * 86400000; // milliseconds before a due date from which it is shown as something to do

/** Read what the figures and the steps are made of. */
async function load(signal) {
  const year = today(config.value.timeZone).slice(0, 4);
  const read = (path, query) => readAll(path, query, { signal });
  const [summary, obligations, gifts, pending, financings] = await Promise.all([
    get("/zakat/summary", { year }, { signal }),
    read("/zakat/obligations"),
    read("/waqf/donations", { status: "succeeded", from: `${year}-01-01` }),
    read("/waqf/donations", { status: "pending" }),
    read("/murabaha/applications", { applicant: user.peek().id }),
  ]);
  return { summary, obligations, gifts, pending, financings };
}

const isOpen = ({ status }) => status === "acquired" || status === "active";
const unpaidDownPayment = ({ status, contract }) => (isOpen({ status }) ? [contract.downPayment, -contract.downPaymentPaid] : []);
const unpaid = ({ installments }) => installments.filter(({ status }) => status !== "paid" && status !== "waived");

export default function Overview() {
  const account = useResource(load);
  const needsSettings = account.error?.code === "SECOND_FACTOR_ENROLMENT_REQUIRED";
  return html`<${Heading} intro=${t("account-intro")}>${t("account-overview")}</${Heading}>
    ${account.error && html`<${Failure} error=${account.error} onRetry=${account.reload} />`}
    ${needsSettings && html`<p><a href="/dashboard/account/settings">${t("account-settings")}</a></p>`}
    ${!account.value && !account.error && html`<${Skeleton} lines=${8} />`}
    ${account.value && html`<${Sums} ...${account.value} /><${Steps} ...${account.value} />`}`;
}

function Sums({ summary, obligations, gifts, financings }) {
  const sold = financings.filter(({ status }) => status === "active");
  const days = [
    ...sold.flatMap(unpaid).map(({ dueDate }) => dueDate),
    ...obligations.filter(({ remaining }) => remaining > 0).map(({ dueOn }) => dueOn),
  ].sort();
  const owed = sold.flatMap((sale) => [...unpaid(sale).flatMap(({ amount, paidAmount }) => [amount, -paidAmount]), ...unpaidDownPayment(sale)].map((part) => [sale.currency, part]));
  const sum = (rows, name) => formatSums(rows.map((row) => [row.currency, row[name]]));
  const zakat = obligations.length
    ? [[t("account-zakat-due"), sum(obligations, "remaining")], [t("account-zakat-paid"), sum(obligations, "paid")]]
    : [[t("account-zakat-calculated"), sum(summary.totals, "zakatAmount")]];
  const given = gifts.flatMap(({ currency, receivedAmount, refundedAmount }) => [[currency, receivedAmount], [currency, -refundedAmount]]);
  return html`<${Card} title=${t("account-year", { year: String(summary.year) })}>
    <${Figures} items=${[...zakat, [t("account-given"), formatSums(given)], [t("account-owed"), formatSums(owed)], [t("account-next-due"), days.length ? formatDate(days[0]) : "–"]]} />
  </${Card}>`;
}

/** Return what can be done next, as [address, text], the most urgent first. */
function nextSteps({ obligations, pending, financings }) {
  const soon = today(config.value.timeZone, Date.now() + SOON);
  const now = today(config.value.timeZone);
  const steps = [];
  for (const sale of financings) {
    const add = (name, args) => steps.push([`/dashboard/account/financing/${sale.id}`, t(`account-do-${name}`, { number: sale.applicationNumber, ...args })]);
    const [next] = sale.status === "active" ? unpaid(sale) : [];
    const due = next && { day: formatDate(next.dueDate), amount: formatMoney(next.amount, sale.currency) };
    if (next?.dueDate < now) add("overdue", due);
    if (sale.status === "acquired") add("accept", { day: formatDate(sale.contract.expiresAt) });
    if (isOpen(sale) && sale.contract.downPaymentPaid < sale.contract.downPayment) add("down-payment");
    if (next?.dueDate >= now && next.dueDate <= soon) add("due", due);
  }
  for (const { remaining, currency, dueOn } of obligations)
    if (remaining > 0) steps.push(["/dashboard/account/obligations", t("account-do-zakat", { amount: formatMoney(remaining, currency), day: formatDate(dueOn) })]);
  for (const gift of pending) steps.push(["/dashboard/account/gifts", t("account-do-gift", { amount: formatMoney(gift.amount, gift.currency), project: gift.projectName })]);
  return steps;
}

function Steps(account) {
  const steps = nextSteps(account);
  return html`<${Card} title=${t("account-next")}>
    ${steps.length > 0 && html`<ul class="lines">${steps.map(([to, text]) => html`<li><a class="target" href=${to}>${text}</a></li>`)}</ul>`}
    ${steps.length === 0 && html`<${Empty} title=${t("account-nothing")}>${t("account-nothing-hint")}</${Empty}>
      <p class="actions start"><a role="button" class="secondary" href="/dashboard">${t("account-give")}</a> <a role="button" class="secondary" href="/dashboard/zakat">${t("account-calculate")}</a></p>`}
  </${Card}>`;
}
