// A list of the API, page by page, in the states that it can be in.

import { html } from "../vendor/preact.js";
import { t } from "../lib/i18n.js";
import { Empty, Failure, Skeleton } from "./states.js";

/** Show what `useList` has read by `children(rows)`, else why there is nothing. */
export function List({ list, empty, hint, children }) {
  const { rows, error, reload, more, isLoading } = list;
  if (error) return html`<${Failure} error=${error} onRetry=${reload} />`;
  if (!rows) return html`<${Skeleton} lines=${6} />`;
  if (!rows.length) return html`<${Empty} title=${empty}>${hint}</${Empty}>`;
  return html`<div aria-busy=${isLoading ? "true" : undefined}>${children(rows)}</div>
    ${more && html`<p><button type="button" class="secondary" onClick=${more}>${t("more")}</button></p>`}`;
}
