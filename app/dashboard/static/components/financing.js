// How the states of a financing look.

import { html } from "../vendor/preact.js";
import { t } from "../lib/i18n.js";

const STATES = ["pending", "approved", "acquired", "active", "completed"];

/** The states from the application to the last instalment, of which one is current. */
export function StateStrip({ status }) {
  const states = STATES.includes(status) ? STATES : ["pending", status];
  const current = states.indexOf(status);
  return html`<ol class="states" aria-label=${t("account-states")}>
    ${states.map((state, index) => html`<li class=${index < current ? "past" : ""} aria-current=${index === current ? "step" : undefined}>${t(`account-state-${state}`)}</li>`)}
  </ol>`;
}
