import { html } from "../../vendor/preact.js";
import { Heading } from "../../components/heading.js";
import { t } from "../../lib/i18n.js";

export const title = "account-overview";

export default function Overview() {
  return html`<${Heading}>${t("account-overview")}</${Heading}>`;
}
