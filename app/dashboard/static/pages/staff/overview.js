import { html } from "../../vendor/preact.js";
import { Card } from "../../components/card.js";
import { named } from "../../components/filtered-list.js";
import { Heading } from "../../components/heading.js";
import { Failure, Skeleton } from "../../components/states.js";
import { get } from "../../lib/api.js";
import { DAY, daysUntil, formatDate, formatMoney, today } from "../../lib/format.js";
import { t } from "../../lib/i18n.js";
import { useResource } from "../../lib/resource.js";
import { config } from "../../lib/session.js";

export const title = "staff-overview";
const SHOWN = 5; // of each kind
const SOON = 7; // days
const BASE = "/dashboard/staff";
const APPROVAL_PAGES = { approve_application: "applications", disburse: "projects", reverse_donation: "donations", refund_donation: "donations" };

const daysTo = (value) => daysUntil(value, config.value.timeZone);

/** Read a list's first rows and its total. */
async function read(path, query, signal) {
  const { data, pagination } = await get(path, { limit: SHOWN, ...query }, { signal });
  return { rows: data, total: pagination.total, isExact: pagination.totalIsExact };
}
async function readDue(signal) {
  const [from, to] = [0, SOON * DAY].map((later) => today(config.value.timeZone, Date.now() + later));
  return read("/murabaha/due", { from, to }, signal);
}

/** Read the offers that expire soon; the first to expire is first. */
async function readExpiring(signal) {
  const { data } = await get("/murabaha/offers", { limit: 100 }, { signal });
  const rows = data.filter(({ contract }) => daysTo(contract.expiresAt) <= SOON);
  return { rows, total: rows.length, isExact: rows.length < data.length || data.length < 100 };
}

export default function Overview() {
  const application = (text) => (item) => html`<a href=${`${BASE}/applications/${item.applicationId ?? item.id}`}>${item.applicationNumber}</a><bdi>${item.applicant?.name ?? t("staff-own")}</bdi><span>${text(item)}</span>`;
  const money = (item) => formatMoney(item.outstanding ?? item.amount ?? item.requestedAmount, item.currency);
  return html`<${Heading}>${t(title)}</${Heading}>
    <div class="cards">
      <${Todo} title=${t("staff-todo-pending")} to="/applications?status=pending&sort=createdAt" load=${(signal) => read("/murabaha/applications", { status: "pending", sort: "createdAt" }, signal)} row=${application(money)} />
      <${Todo} title=${t("staff-todo-acquire")} to="/applications?status=approved&sort=createdAt" load=${(signal) => read("/murabaha/offers", { status: "approved" }, signal)} row=${application(money)} />
      <${Todo} title=${t("staff-todo-expiring")} to="/applications?status=approved&sort=createdAt" load=${readExpiring} row=${application(({ contract }) => formatDate(contract.expiresAt))} />
      <${Todo} title=${t("staff-todo-due")} to="/applications?status=active" load=${readDue} row=${application((item) => `${formatDate(item.dueDate)} · ${money(item)}`)} />
      <${Todo} title=${named("overdue")} to="/applications?overdue=true&sort=createdAt" load=${(signal) => read("/murabaha/arrears", {}, signal)}
        row=${application(({ daysOverdue, overdueAmount, currency }) => `${t("staff-overdue", { count: daysOverdue })} · ${formatMoney(overdueAmount, currency)}`)} />
      <${Todo} title=${t("staff-exceptions")} to="/exceptions?status=open" load=${(signal) => read("/payments/exceptions", { status: "open" }, signal)}
        row=${(item) => html`<a href=${`${BASE}/exceptions/${item.id}`}>${named(item.kind)}</a><span>${item.amount !== null && money(item)}</span>`} />
      <${Todo} title=${t("staff-todo-approvals")} load=${(signal) => read("/approvals", { status: "pending" }, signal)} row=${approvalRow} />
    </div>`;
}

function approvalRow({ action, subjectId, requestedAt }) {
  const page = APPROVAL_PAGES[action];
  const name = t("staff-action", { action });
  return html`${page ? html`<a href=${`${BASE}/${page}/${subjectId}`}>${name}</a>` : name}<span>${formatDate(requestedAt)}</span>`;
}

/** One kind of work: how much there is, the first of it, and where the rest is. */
function Todo({ title, load, to, row }) {
  const { value, error, reload } = useResource(load);
  const footer = to && html`<a href=${BASE + to} aria-label=${`${t("staff-show-all")}: ${title}`}>${t("staff-show-all")}</a>`;
  return html`<${Card} title=${title} footer=${footer}>
    ${error && html`<${Failure} error=${error} onRetry=${reload} />`}
    ${!value && !error && html`<${Skeleton} lines=${4} />`}
    ${value && html`<p class="total">${value.total}${!value.isExact && "+"}</p>
      ${value.rows.length > 0 && html`<ul class="todo">${value.rows.slice(0, SHOWN).map((item) => html`<li>${row(item)}</li>`)}</ul>`}`}
  </${Card}>`;
}
