import { html, useSignal } from "../../vendor/preact.js";
import { AccountForm, EmailField, PasswordField } from "../../components/account-form.js";
import { Field, useForm } from "../../components/fields.js";
import { notify } from "../../components/toast.js";
import { t } from "../../lib/i18n.js";
import { navigate, search } from "../../lib/router.js";
import { signIn } from "../../lib/session.js";

export const title = "sign-in";

/** Return where to go after signing in: only to pages of this client. */
export function nextPage() {
  const next = new URLSearchParams(search.value).get("next") || "";
  return /^\/dashboard(\/|$)/.test(next) ? next : "/dashboard";
}

export default function SignIn() {
  const values = useSignal({ email: "", password: "", code: "" });
  const needsCode = useSignal(false);
  const change = (event) => (values.value = { ...values.value, [event.target.name]: event.target.value });
  const form = useForm(async () => {
    const { code, ...credentials } = values.value;
    try {
      await signIn(needsCode.value ? { ...credentials, code: code.trim() } : credentials);
    } catch (error) {
      needsCode.value ||= error.code === "SECOND_FACTOR_REQUIRED";
      throw error;
    }
    notify(t("signed-in"));
    navigate(nextPage(), { replace: true });
  });
  const field = (name) => ({ value: values.value[name], onInput: change, errors: form.errors });
  const links = html`<p><a href="/dashboard/forgot-password">${t("forgot-password")}</a></p><p><a href=${`/dashboard/register${search.value}`}>${t("register")}</a></p>`;
  return html`<${AccountForm} title=${t("sign-in")} form=${form} action=${t("sign-in")} links=${links}>
    <${EmailField} ...${field("email")} />
    <${PasswordField} ...${field("password")} />
    ${needsCode.value && html`<${Field} name="code" label=${t("code")} hint=${t("code-hint")} inputmode="numeric" autocomplete="one-time-code" dir="ltr" ...${field("code")} />`}
  </${AccountForm}>`;
}
