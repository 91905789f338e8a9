import { html } from "../vendor/preact.js";
import { currencyName } from "../lib/format.js";
import { t } from "../lib/i18n.js";
import { config } from "../lib/session.js";
import { SelectField } from "./fields.js";

/** The choice of a currency by its code and its name in the page's language. */
export const CurrencyField = (props) =>
  html`<${SelectField} name="currency" label=${t("currency")} options=${config.value.currencies.map((code) => [code, `${code} · ${currencyName(code)}`])} ...${props} />`;
