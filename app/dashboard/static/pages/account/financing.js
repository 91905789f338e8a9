import { html } from "../../vendor/preact.js";
import { Card } from "../../components/card.js";
import { StateStrip } from "../../components/financing.js";
import { Heading } from "../../components/heading.js";
import { List } from "../../components/list.js";
import { formatMoney } from "../../lib/format.js";
import { t } from "../../lib/i18n.js";
import { useList } from "../../lib/list.js";
import { user } from "../../lib/session.js";

export const title = "account-financing";

export default function Financing() {
  const list = useList("/murabaha/applications", { applicant: user.peek().id }); // staff can read those of others
  return html`<${Heading} intro=${t("murabaha-intro")}>${t("account-financing")}</${Heading}>
    <p class="actions start"><a role="button" href="/dashboard/account/financing/new">${t("account-apply")}</a> <a class="target" href="/dashboard/murabaha">${t("murabaha")}</a></p>
    <${List} list=${list} empty=${t("account-no-financing")} hint=${t("account-no-financing-hint")}>
      ${(rows) => rows.map((application) => html`<${Application} key=${application.id} application=${application} />`)}
    </${List}>`;
}

function Application({ application: { id, applicationNumber, itemDescription, status, currency, requestedAmount, contract } }) {
  const address = `/dashboard/account/financing/${id}`;
  return html`<${Card}>
    <h2><a href=${address}><bdi>${itemDescription}</bdi></a></h2>
    <p class="tag"><bdi>${applicationNumber}</bdi> · ${formatMoney(contract ? contract.sellingPrice : requestedAmount, currency)}</p>
    <${StateStrip} status=${status} />
    <p>${t(`account-now-${status}`)}</p>
  </${Card}>`;
}
