// What stands in the place of content: skeletons, failures, nothing yet; and progress.

import { html, useId } from "../vendor/preact.js";
import { t } from "../lib/i18n.js";
import { describeError } from "./fields.js";

/** Grey lines of the height that the content will have. */
export const Skeleton = ({ lines = 3, height }) =>
  html`<div class=${`skeleton ${height || ""}`} role="status" aria-label=${t("loading")}>
    ${Array.from({ length: lines }, () => html`<span></span>`)}
  </div>`;

export const Failure = ({ error, onRetry }) =>
  html`<div class="summary" role="alert">
    <p><strong>${describeError(error)}</strong></p>
    ${onRetry && html`<button type="button" class="secondary" onClick=${onRetry}>${t("try-again")}</button>`}
  </div>`;

export const Empty = ({ title, children }) => html`<div class="empty"><p><strong>${title}</strong></p><p>${children}</p></div>`;

export function Progress({ label, value, text }) {
  const id = useId();
  return html`<div class="progress">
    <span id=${id} class="hidden">${label}</span>
    <progress value=${Math.min(value, 1)} max="1" aria-labelledby=${id}></progress>
    <small>${text}</small>
  </div>`;
}
