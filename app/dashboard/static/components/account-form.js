// A form of the account pages: narrow, with a summary, one button, and links below.

import { html } from "../vendor/preact.js";
import { t } from "../lib/i18n.js";
import { ErrorSummary, Field, SubmitButton } from "./fields.js";
import { Heading } from "./heading.js";

export function AccountForm({ title, intro, form, action, children, links }) {
  return html`<div class="narrow">
    <${Heading} intro=${intro}>${title}</${Heading}>
    <form onSubmit=${form.submit} novalidate>
      <${ErrorSummary} error=${form.error} />
      ${children}
      <${SubmitButton} isSending=${form.isSending}>${action}</${SubmitButton}>
    </form>
    ${links}
  </div>`;
}

export const EmailField = (props) =>
  html`<${Field} type="email" name="email" label=${t("email")} autocomplete="username" dir="ltr" ...${props} />`;

export const PasswordField = (props) =>
  html`<${Field} type="password" name="password" label=${t("password")} autocomplete="current-password" dir="ltr" ...${props} />`;

/** Return the token of a mailed link, and remove it from the address and the history. */
export function takeToken() {
  const token = new URLSearchParams(location.hash.slice(1)).get("token") || "";
  if (token) history.replaceState(null, "", location.pathname);
  return token;
}
