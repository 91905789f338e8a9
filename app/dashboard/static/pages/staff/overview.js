import { html } from "../../vendor/preact.js";
import { Card } from "../../components/card.js";
import { named } from "../../components/filtered-list.js";
import { Heading } from "../../components/heading.js";
import { Failure, Skeleton } from "../../components/states.js";
import { get } from "../../lib/api.js";
import { daysUntil, formatDate, formatMoney } from "../../lib/format.js";
import { t } from "../../lib/i18n.js";
import { useResource } from "../../lib/resource.js";
import { config } from "../../lib/session.js";

export const title = "staff-overview";
const SHOWN = 5; // of each kind
const SOON = 7; // days
const BASE = "/dashboard/staff";
const APPROVAL_PAGES = { approve_application: "applications", disburse: "projects", reverse_donation: "donations", refund_donation: "donations" };

const daysTo = (value) => daysUntil(value, config.value.timeZone);

/** Read a list's first rows and its total; what `select` picks is of the first hundred rows. */
async function read(path, query, signal, select) {
  const { data, pagination } = await get(path, { limit: select ? 100 : SHOWN, ...query }, { signal });
  const rows = select ? data.flatMap(select) : data;
  const total = select ? rows.length : pagination.total;
  return { rows, total, isExact: select ? !pagination.next : pagination.totalIsExact };
}
const readApplications = (query, signal, select) => read("/murabaha/applications", query, signal, select);

const isUnpaid = ({ paidAmount, amount }) => paidAmount < amount;
const byDay = (a, b) => a.day.localeCompare(b.day);

async function readExpiring(signal) {
  const select = (item) => (daysTo(item.contract.expiresAt) <= SOON ? [{ ...item, day: item.contract.expiresAt }] : []);
  const lists = await Promise.all(["approved", "acquired"].map((status) => readApplications({ status }, signal, select)));
  const rows = lists.flatMap((list) => list.rows).sort(byDay);
  return { rows, total: rows.length, isExact: lists.every((list) => list.isExact) };
}

async function readDue(signal) {
  const select = (item) =>
    item.installments.filter((installment) => isUnpaid(installment) && daysTo(installment.dueDate) >= 0 && daysTo(installment.dueDate) <= SOON).map(({ number, dueDate, amount }) => ({ ...item, number, day: dueDate, amount }));
  const list = await readApplications({ status: "active" }, signal, select);
  return { ...list, rows: list.rows.sort(byDay) };
}

export default function Overview() {
  const oldest = { sort: "createdAt" };
  const application = (text) => (item) => html`<a href=${`${BASE}/applications/${item.id}`}>${item.applicationNumber}</a><bdi>${item.applicant?.name ?? t("staff-own")}</bdi><span>${text(item)}</span>`;
  const money = (item) => formatMoney(item.amount ?? item.requestedAmount, item.currency);
  return html`<${Heading}>${t(title)}</${Heading}>
    <div class="cards">
      <${Todo} title=${t("staff-todo-pending")} to="/applications?status=pending&sort=createdAt" load=${(signal) => readApplications({ status: "pending", ...oldest }, signal)} row=${application(money)} />
      <${Todo} title=${t("staff-todo-acquire")} to="/applications?status=approved&sort=createdAt" load=${(signal) => readApplications({ status: "approved", ...oldest }, signal)} row=${application(money)} />
      <${Todo} title=${t("staff-todo-expiring")} to="/applications?status=approved&sort=createdAt" load=${readExpiring} row=${application(({ day }) => formatDate(day))} />
      <${Todo} title=${t("staff-todo-due")} to="/applications?status=active" load=${readDue} row=${application((item) => `${formatDate(item.day)} · ${money(item)}`)} />
      <${Todo} title=${named("overdue")} to="/applications?overdue=true&sort=createdAt" load=${(signal) => readApplications({ overdue: true, ...oldest }, signal)}
        row=${application(({ installments }) => t("staff-overdue", { count: -daysTo(installments.find(isUnpaid).dueDate) }))} />
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
