// What the pages of staff share: a page of one thing, its states, and rows that can be reversed.

import { html, useEffect, useRef, useSignal } from "../vendor/preact.js";
import { get, getTagged } from "../lib/api.js";
import { formatDate, formatMoney, today } from "../lib/format.js";
import { t } from "../lib/i18n.js";
import { useResource } from "../lib/resource.js";
import { config } from "../lib/session.js";
import { Card } from "./card.js";
import { FilteredList, TwoLines, named } from "./filtered-list.js";
import { Heading } from "./heading.js";
import { Failure, Skeleton } from "./states.js";
import { StepForm } from "./step.js";

export const thisDay = () => today(config.value.timeZone);

const METHODS = ["bank_transfer", "cash", "cheque"];
/** The fields of money that was received outside Stripe, and what they are at first. */
export const receiptFields = () => [["amount", "money"], ["method", "select", { options: METHODS.map((value) => [value, named(value)]) }], ["reference", "text"], ["receivedOn", "date"]];
export const receiptValues = () => ({ method: METHODS[0], receivedOn: thisDay() });

async function load(path, list, signal) {
  const [{ body, tag }, approvals, listed] = await Promise.all([
    getTagged(path, { signal }),
    get("/approvals", { status: "pending", limit: 100 }, { signal }),
    list && get(path + list, { limit: 1 }, { signal, cache: "no-cache" }),
  ]);
  return { item: body, tag, approvals: approvals.data, listed };
}

/**
 * A page of the resource at `path`. `children` gets it as `item`, what its steps need as `step`, a `version` that
 * changes with each load, and the first row of its `list`.
 */
export function Loaded({ title, path, list, children }) {
  const { value, error, reload } = useResource((signal) => load(path, list, signal), [path]);
  const failure = error && html`<${Failure} error=${error} onRetry=${reload} />`;
  if (!value) return html`<${Heading}>${title}</${Heading}>${failure || html`<${Skeleton} lines=${12} />`}`;
  const { tag, approvals } = value;
  const step = { tag, approvals, currency: value.item.currency, onDone: reload, onConflict: reload };
  return html`${failure}${children({ ...value, step, version: value })}`;
}

/** A list of money that came or went; each row can be reversed by the step that `reversal(item)` returns. */
export function Reversible({ title, path, version, step, reversal, text }) {
  const chosen = useSignal(null);
  const money = (item) => formatMoney(item.amount, step.currency);
  const done = (answer) => {
    chosen.value = null;
    step.onDone(answer);
  };
  const item = chosen.value;
  const stateOf = (row) => {
    if (row.reversedAt) return html`<${TwoLines} small=${row.reversalReason}>${t("staff-reversed", { day: formatDate(row.reversedAt) })}</${TwoLines}>`;
    return reversal(row) && html`<button type="button" class="plain" aria-label=${`${t("staff-reverse")}: ${row.reference}`} onClick=${() => (chosen.value = row)}>${t("staff-reverse")}</button>`;
  };
  return html`<${Card} title=${title}>
    <${FilteredList} path=${path} label=${title} version=${version} columns=${[[t("date")], [t("entry")], [t("amount"), "number"], [t("staff-status")]]}
      row=${(row) => [formatDate(row.receivedOn ?? row.paidOn), text(row), money(row), stateOf(row)]} />
    ${item && html`<${Opened} key=${item.id} title=${`${t("staff-reverse")} ${item.reference}: ${money(item)}`}>
      <${StepForm} ...${step} ...${REVERSAL()} ...${reversal(item)} onDone=${done} />
    </${Opened}>`}
  </${Card}>`;
}

/** A part of the page that has been asked for; its heading takes the focus. */
export function Opened({ title, children }) {
  const heading = useRef();
  useEffect(() => heading.current.focus(), []);
  return html`<section><h2 tabindex="-1" ref=${heading}>${title}</h2>${children}</section>`;
}

/** What all reversals ask. */
export const REVERSAL = () => ({ label: t("staff-reverse"), fields: [["reason", "area"]], ask: t("staff-reverse-ask") });
