import { html, useMemo, useSignal } from "../../vendor/preact.js";
import { AccountForm, PasswordField, takeToken } from "../../components/account-form.js";
import { useForm } from "../../components/fields.js";
import { Heading } from "../../components/heading.js";
import { post } from "../../lib/api.js";
import { t } from "../../lib/i18n.js";
import { user } from "../../lib/session.js";

export const title = "reset-password";

export default function ResetPassword() {
  const token = useMemo(takeToken, []);
  const newPassword = useSignal("");
  const isDone = useSignal(false);
  const form = useForm(async () => {
    await post("/auth/password/reset", { token, newPassword: newPassword.value });
    user.value = null; // every session has ended
    isDone.value = true;
  });
  if (isDone.value)
    return html`<div class="narrow" role="status"><${Heading} intro=${t("reset-done-intro")}>${t("reset-done")}</${Heading}><p><a href="/dashboard/sign-in">${t("sign-in")}</a></p></div>`;
  const links = html`<p><a href="/dashboard/forgot-password">${t("new-link")}</a></p>`;
  return html`<${AccountForm} title=${t("reset-password")} form=${form} action=${t("reset-password")} links=${links}>
    <${PasswordField} name="newPassword" label=${t("new-password")} autocomplete="new-password" hint=${t("password-hint")} value=${newPassword.value} onInput=${(event) => (newPassword.value = event.target.value)} errors=${form.errors} />
  </${AccountForm}>`;
}
