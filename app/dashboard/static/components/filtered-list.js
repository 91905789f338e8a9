// A list of the API in pages, with its filters in the page's address.

import { html } from "../vendor/preact.js";
import { queryString } from "../lib/api.js";
import { t } from "../lib/i18n.js";
import { useList } from "../lib/list.js";
import { navigate, path as address, search } from "../lib/router.js";
import { Field, SelectField } from "./fields.js";
import { List } from "./list.js";
import { Table } from "./table.js";

/** Return the text of a value of the API, such as a state. */
export const named = (value) => t("staff-value", { value });

/** Return the options of a filter: each value with its text, after none. A boolean's are given for true and false. */
export const optionsOf = (values, none = t("staff-any")) => [["", none], ...values.map((value) => [value, named(value.replace("-", "minus-"))])];
export const booleanOptions = (yes, no) => [["", t("staff-any")], ["true", named(yes)], ["false", named(no)]];

/** Read the values of filters from the address. */
export function readFilters(filters) {
  const given = new URLSearchParams(search.value);
  return Object.fromEntries(filters.map(([name]) => [name, given.get(name) || ""]));
}

/**
 * The rows of the list at `path` in a table, each with the cells that `row(item)` returns.
 * @param {{path: string, label: string, filters?: [string, string, object?][], columns: [string, string?][], row: Function, version?: any}} props
 * a filter is its name, kind and properties; the list is loaded again when `version` changes
 */
export function FilteredList({ path, label, filters = [], columns, row, version }) {
  const chosen = readFilters(filters);
  const list = useList(path, chosen, undefined, version);
  const change = ({ target }) => navigate(address.value + queryString({ ...chosen, [target.name]: target.value }));
  return html`${filters.length > 0 && html`<div class="filters wide">${filters.map(([name, kind, rest]) => html`<${kind === "select" ? SelectField : Field}
      ...${{ name, label: t("staff-field", { name }), value: chosen[name], errors: list.error?.fields, onChange: change, ...(kind === "select" ? {} : { type: kind }), ...rest }} />`)}</div>`}
    <${List} list=${list} empty=${t("staff-none")}>${(rows) => html`<${Table} label=${label} columns=${columns} rows=${rows.map(row)} />
      <p role="status"><small>${t("staff-rows", { shown: rows.length, total: list.total })}</small></p>`}</${List}>`;
}

/** A cell with a second, smaller line. */
export const TwoLines = ({ small, children }) => html`${children}<br /><small dir="auto">${small}</small>`;
