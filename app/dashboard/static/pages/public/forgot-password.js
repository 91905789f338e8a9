import { html, useSignal } from "../../vendor/preact.js";
import { AccountForm, EmailField } from "../../components/account-form.js";
import { useForm } from "../../components/fields.js";
import { Heading } from "../../components/heading.js";
import { request } from "../../lib/api.js";
import { t } from "../../lib/i18n.js";

export const title = "forgot-password";

export default function ForgotPassword() {
  const email = useSignal("");
  const isSent = useSignal(false);
  const form = useForm(async () => {
    await request("POST", "/auth/password/forgot", { body: { email: email.value } });
    isSent.value = true;
  });
  if (isSent.value) return html`<div class="narrow" role="status"><${Heading} intro=${t("forgot-sent-intro")}>${t("forgot-sent")}</${Heading}></div>`;
  const links = html`<p><a href="/dashboard/sign-in">${t("have-account")}</a></p>`;
  return html`<${AccountForm} title=${t("forgot-password")} intro=${t("forgot-intro")} form=${form} action=${t("forgot-send")} links=${links}>
    <${EmailField} value=${email.value} onInput=${(event) => (email.value = event.target.value)} errors=${form.errors} />
  </${AccountForm}>`;
}
