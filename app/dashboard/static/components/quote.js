// A murabaha quote: the price, what is paid when, and the schedule.

import { html } from "../vendor/preact.js";
import { formatDate, formatMoney, formatPercent } from "../lib/format.js";
import { t } from "../lib/i18n.js";
import { Card, Figures } from "./card.js";
import { StackedBar } from "./charts.js";
import { Table } from "./table.js";

/** @param {{quote: object}} props what `POST /murabaha/quotes` has returned */
export function Quote({ quote }) {
  const money = (amount) => formatMoney(amount, quote.currency);
  const part = (name, value) => ({ name: t(`murabaha-${name}`), value, text: money(value) });
  const price = [part("cost", quote.cost), part("profit", quote.profit)];
  const paid = [part("paid", quote.downPayment), part("left", quote.financed)];
  const describe = (parts) => parts.map(({ name, text }) => `${name} ${text}`).join(", ");
  return html`<${Card} title=${t("murabaha-offer")}>
    <${Figures} items=${[[t("murabaha-price"), money(quote.sellingPrice)], [t("murabaha-rate"), formatPercent(quote.profitRate, 2)]]} />
    <${StackedBar} label=${describe(price)} parts=${price} />
    <${StackedBar} label=${describe(paid)} parts=${paid} first=${3} />
    <p>${t("murabaha-fixed")}</p>
    <h3>${t("schedule")}</h3>
    <${Table} label=${t("schedule")} columns=${[[t("number")], [t("due-date")], [t("amount"), "number"]]}
      rows=${quote.installments.map(({ number, dueDate, amount }) => [number, formatDate(dueDate), money(amount)])} />
  </${Card}>`;
}
