import { html, useSignal } from "../../vendor/preact.js";
import { AccountForm, EmailField, PasswordField } from "../../components/account-form.js";
import { Field, useForm } from "../../components/fields.js";
import { notify } from "../../components/toast.js";
import { t } from "../../lib/i18n.js";
import { navigate, search } from "../../lib/router.js";
import { register } from "../../lib/session.js";
import { nextPage } from "./sign-in.js";

export const title = "register";

export default function Register() {
  const values = useSignal({ name: "", email: "", password: "" });
  const change = (event) => (values.value = { ...values.value, [event.target.name]: event.target.value });
  const form = useForm(async () => {
    await register(values.value);
    notify(t("registered"));
    navigate(nextPage(), { replace: true });
  });
  const field = (name) => ({ value: values.value[name], onInput: change, errors: form.errors });
  const links = html`<p><a href=${`/dashboard/sign-in${search.value}`}>${t("have-account")}</a></p>`;
  return html`<${AccountForm} title=${t("register")} form=${form} action=${t("register")} links=${links}>
    <${Field} name="name" label=${t("name")} autocomplete="name" dir="auto" ...${field("name")} />
    <${EmailField} ...${field("email")} />
    <${PasswordField} autocomplete="new-password" hint=${t("password-hint")} ...${field("password")} />
  </${AccountForm}>`;
}
