import { html, useSignal } from "../../vendor/preact.js";
import { EmailField, PasswordField } from "../../components/account-form.js";
import { CheckField, Field, SelectField, useForm } from "../../components/fields.js";
import { FormCard, useFields } from "../../components/form-card.js";
import { Heading } from "../../components/heading.js";
import { SecondFactor } from "../../components/second-factor.js";
import { Sessions } from "../../components/sessions.js";
import { notify } from "../../components/toast.js";
import { patch, post } from "../../lib/api.js";
import { LANGUAGES, t } from "../../lib/i18n.js";
import { config, user } from "../../lib/session.js";

export const title = "account-settings";
const MAILS = ["receipt", "refund", "applicationReceived", "decision", "offerExpiring", "installmentDue", "installmentOverdue", "obligationDue", "hawlCompleted"];
const STAFF_MAILS = ["newApplication", "dispute", "paymentException", "ledgerCheckFailed"];

export default function Settings() {
  return html`<${Heading}>${t("account-settings")}</${Heading}>
    <div class="columns even">
      <${Profile} /><${Notifications} /><${Email} /><${Password} /><${Sessions} />
      ${user.peek().role !== "user" && html`<${SecondFactor} />`}
    </div>`;
}

async function save(changes) {
  user.value = await patch("/auth/me", changes);
  notify(t("account-changed"));
}

function Profile() {
  const { name, locale, timeZone } = user.peek();
  const { form, field } = useFields({ name, locale, timeZone: timeZone || "" }, (values) => save({ ...values, timeZone: values.timeZone || null }));
  const languages = config.value.languages.map((code) => [code, LANGUAGES[code] || code]);
  const zones = [["", t("account-zone-institution", { zone: config.value.timeZone })], ...Intl.supportedValuesOf("timeZone").map((zone) => [zone, zone])];
  return html`<${FormCard} title=${t("account-profile")} form=${form} action=${t("account-save")}>
    <${Field} label=${t("name")} autocomplete="name" dir="auto" ...${field("name")} />
    <${SelectField} label=${t("language")} hint=${t("account-language-hint")} options=${languages} ...${field("locale")} />
    <${SelectField} label=${t("account-zone")} options=${zones} ...${field("timeZone")} />
  </${FormCard}>`;
}

function Notifications() {
  const chosen = useSignal(user.peek().notifications);
  const form = useForm(() => save({ notifications: chosen.value }));
  const names = user.peek().role === "user" ? MAILS : [...MAILS, ...STAFF_MAILS];
  const toggle = (event) => (chosen.value = { ...chosen.value, [event.target.name]: event.target.checked });
  return html`<${FormCard} title=${t("account-mails")} form=${form} action=${t("account-save")}>
    <p>${t("account-mails-hint")}</p>
    ${names.map((name) => html`<${CheckField} name=${name} label=${t(`account-mail-${name}`)} checked=${chosen.value[name]} onChange=${toggle} />`)}
  </${FormCard}>`;
}

function Email() {
  const sentTo = useSignal("");
  const { form, field, clear } = useFields({ email: "", currentPassword: "" }, async (values) => {
    await post("/auth/email", values);
    sentTo.value = values.email;
    clear();
  });
  return html`<${FormCard} title=${t("account-email")} form=${form} action=${t("account-email-send")}>
    <p>${t("account-email-now", { email: user.peek().email })}</p>
    <p role="status">${sentTo.value && t("account-email-sent", { email: sentTo.value })}</p>
    <${EmailField} label=${t("account-email-new")} autocomplete="email" ...${field("email")} />
    <${PasswordField} label=${t("account-current-password")} ...${field("currentPassword")} />
  </${FormCard}>`;
}

function Password() {
  const { form, field, clear } = useFields({ currentPassword: "", newPassword: "" }, async (values) => {
    await post("/auth/password", values);
    notify(t("account-password-changed"));
    clear();
  });
  return html`<${FormCard} title=${t("password")} form=${form} action=${t("account-password-change")}>
    <p>${t("account-password-hint")}</p>
    <${PasswordField} label=${t("account-current-password")} ...${field("currentPassword")} />
    <${PasswordField} label=${t("new-password")} hint=${t("password-hint")} autocomplete="new-password" ...${field("newPassword")} />
  </${FormCard}>`;
}
