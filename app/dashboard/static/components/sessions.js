// The sessions of the user.

import { html } from "../vendor/preact.js";
import { AskButton } from "./ask.js";
import { Card } from "./card.js";
import { List } from "./list.js";
import { post, remove } from "../lib/api.js";
import { formatDate } from "../lib/format.js";
import { t } from "../lib/i18n.js";
import { useList } from "../lib/list.js";
import { navigate } from "../lib/router.js";
import { user } from "../lib/session.js";

const MOMENT = { dateStyle: "medium", timeStyle: "short" };

/** Where the user is signed in, and how to end that. */
export function Sessions() {
  const list = useList("/auth/sessions");
  const endAll = async () => {
    await post("/auth/logout-all");
    user.value = null;
    navigate("/dashboard/sign-in");
  };
  return html`<${Card} title=${t("account-sessions")}>
    <${List} list=${list}>
      ${(rows) => html`<ul class="lines">${rows.map((session) => html`<${Session} key=${session.id} session=${session} onEnd=${list.reload} />`)}</ul>`}
    </${List}>
    <${AskButton} label=${t("account-end-all")} onConfirm=${endAll}>${t("account-end-all-hint")}</${AskButton}>
  </${Card}>`;
}

function Session({ session: { id, userAgent, address, lastUsedAt, current }, onEnd }) {
  const end = async () => {
    await remove(`/auth/sessions/${id}`);
    onEnd();
  };
  return html`<li><div><bdi>${address}</bdi> <time datetime=${lastUsedAt}>${formatDate(lastUsedAt, MOMENT)}</time>
    ${current ? html`<strong>${t("account-this-session")}</strong>` : html`<${AskButton} class="plain" label=${t("account-end")} title=${t("account-end-session")} onConfirm=${end}>${t("account-end-hint")}</${AskButton}>`}</div>
    <small><bdi>${userAgent}</bdi></small></li>`;
}
