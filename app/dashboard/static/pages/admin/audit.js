import { html, useSignal } from "../../vendor/preact.js";
import { Field } from "../../components/fields.js";
import { Heading } from "../../components/heading.js";
import { List } from "../../components/list.js";
import { Table } from "../../components/table.js";
import { formatDate } from "../../lib/format.js";
import { t } from "../../lib/i18n.js";
import { useList } from "../../lib/list.js";

export const title = "admin-audit";

export default function Audit() {
  const filters = useSignal({ action: "", from: "", to: "", actorId: "", subjectId: "" });
  const list = useList("/audit", filters.value);
  const change = (event) => (filters.value = { ...filters.value, [event.target.name]: event.target.value.trim() });
  const field = (name, label, type = "text") => html`<${Field} type=${type} name=${name} label=${label} value=${filters.value[name]} onChange=${change} errors=${list.error?.fields} />`;
  const only = (name, value, text) => html`<button type="button" class="plain" title=${value} onClick=${() => (filters.value = { ...filters.value, [name]: value })}>${text}</button>`;
  const row = (event) => [
    formatDate(event.at, { dateStyle: "medium", timeStyle: "short" }),
    event.actorId ? only("actorId", event.actorId, html`<bdi>${event.actorName || t("admin-a-user")}</bdi>`) : t("admin-command"),
    only("action", event.action, html`<code dir="ltr">${event.action}</code>`),
    event.subjectId && only("subjectId", event.subjectId, html`<span dir="ltr">${event.subjectType} ${event.subjectId.slice(-6)}</span>`),
    html`<${Changes} changes=${event.changes} />`,
  ];
  const columns = [[t("date")], [t("admin-actor")], [t("admin-action")], [t("admin-subject")], [t("admin-changes")]];
  return html`<${Heading} intro=${t("admin-audit-intro")}>${t("admin-audit")}</${Heading}>
    <div class="filters wide">${field("action", t("admin-action"))}${field("actorId", t("admin-actor-id"))}${field("subjectId", t("admin-subject-id"))}${field("from", t("from"), "date")}${field("to", t("to"), "date")}</div>
    <${List} list=${list} empty=${t("admin-audit-none")} hint=${t("admin-audit-hint")}>${(rows) => html`<${Table} label=${t("admin-audit")} columns=${columns} rows=${rows.map(row)} />`}</${List}>`;
}

const show = (value) => (value === null || value === undefined ? "–" : typeof value === "object" ? JSON.stringify(value) : String(value));

/** What an act changed: before and after, or that it did where the values are personal. */
function Changes({ changes }) {
  const entries = Object.entries(changes);
  return html`<ul class="plain-list">${entries.map(([name, change]) => html`<li><span dir="ltr">${name}${change?.hidden ? "" : `: ${"before" in Object(change) ? `${show(change.before)} → ${show(change.after)}` : show(change)}`}</span></li>`)}</ul>`;
}
