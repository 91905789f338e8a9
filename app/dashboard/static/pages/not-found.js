import { html } from "../vendor/preact.js";
import { Heading } from "../components/heading.js";
import { t } from "../lib/i18n.js";

export const title = "not-found";

export default function NotFound() {
  return html`<${Heading} intro=${t("not-found-intro")}>${t("not-found")}</${Heading}>
    <p><a href="/dashboard">${t("to-projects")}</a></p>`;
}
