import { html, useMemo, useSignal } from "../../vendor/preact.js";
import { AccountForm, takeToken } from "../../components/account-form.js";
import { useForm } from "../../components/fields.js";
import { Heading } from "../../components/heading.js";
import { post } from "../../lib/api.js";
import { t } from "../../lib/i18n.js";

export const title = "confirm-email";

export default function ConfirmEmail() {
  const token = useMemo(takeToken, []);
  const email = useSignal(null);
  const form = useForm(async () => {
    email.value = (await post("/auth/email/confirm", { token })).email;
  });
  if (email.value)
    return html`<div class="narrow" role="status"><${Heading} intro=${t("confirm-done-intro", { email: email.value })}>${t("confirm-done")}</${Heading}><p><a href="/dashboard/sign-in">${t("sign-in")}</a></p></div>`;
  return html`<${AccountForm} title=${t("confirm-email")} intro=${t("confirm-intro")} form=${form} action=${t("confirm-email")} />`;
}
