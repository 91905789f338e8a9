import { html } from "../../vendor/preact.js";
import { Heading } from "../../components/heading.js";
import { t } from "../../lib/i18n.js";

export const title = "admin-overview";

export default function Overview() {
  return html`<${Heading}>${t("admin-overview")}</${Heading}>`;
}
