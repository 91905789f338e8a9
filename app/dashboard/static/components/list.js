// A list of the API in pages, with its filters in the page's address.

import { html, useSignal } from "../vendor/preact.js";
import { get, queryString } from "../lib/api.js";
import { t } from "../lib/i18n.js";
import { useResource } from "../lib/resource.js";
import { navigate, path as address, search } from "../lib/router.js";
import { Field, SelectField, useForm } from "./fields.js";
import { Empty, Failure, Skeleton } from "./states.js";
import { Table } from "./table.js";

/** Load a list and, with `more`, its next pages; the rows stay while the first page loads again. */
function usePages(path, query, version) {
  const first = useResource((signal) => get(path, query, { signal, cache: "no-cache" }), [path + queryString(query), version]);
  const later = useSignal({});
  const { rows, next } = later.value.first === first.value ? later.value : { rows: [], next: first.value?.pagination.next };
  const more = useForm(async () => {
    const { data, pagination } = await get(path, { ...query, after: next }, { cache: "no-cache" });
    later.value = { first: first.value, rows: [...rows, ...data], next: pagination.next };
  });
  return { ...first, rows: first.value && [...first.value.data, ...rows], next, more };
}

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
 * The rows of the list at `path`, each with the cells that `row(item)` returns.
 * @param {{path: string, label: string, filters?: [string, string, object?][], columns: [string, string?][], row: Function, version?: any}} props
 * a filter is its name, kind and properties; the list is loaded again when `version` changes
 */
export function List({ path, label, filters = [], columns, row, version }) {
  const chosen = readFilters(filters);
  const { value, rows, next, more, error, reload } = usePages(path, chosen, version);
  const change = ({ target }) => navigate(address.value + queryString({ ...chosen, [target.name]: target.value }));
  const failure = error || more.error;
  return html`${filters.length > 0 && html`<div class="filters wide">${filters.map(([name, kind, rest]) => html`<${kind === "select" ? SelectField : Field}
      ...${{ name, label: t("staff-field", { name }), value: chosen[name], errors: error?.fields, onChange: change, ...(kind === "select" ? {} : { type: kind }), ...rest }} />`)}</div>`}
    ${failure && html`<${Failure} error=${failure} onRetry=${reload} />`}
    ${!rows && !error && html`<${Skeleton} lines=${6} />`}
    ${rows?.length === 0 && html`<${Empty} title=${t("staff-none")} />`}
    ${rows?.length > 0 && html`<${Table} label=${label} columns=${columns} rows=${rows.map(row)} />
      <p role="status"><small>${t("staff-rows", { shown: rows.length, total: value.pagination.total })}</small></p>`}
    ${next && html`<button type="button" class="secondary" aria-busy=${more.isSending ? "true" : undefined} onClick=${more.submit}>${t("more")}</button>`}`;
}

/** A cell with a second, smaller line. */
export const TwoLines = ({ small, children }) => html`${children}<br /><small dir="auto">${small}</small>`;
