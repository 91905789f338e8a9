// The second factor of staff.

import { html, useSignal } from "../vendor/preact.js";
import { PasswordField } from "./account-form.js";
import { Card } from "./card.js";
import { Field } from "./fields.js";
import { FormCard, useFields } from "./form-card.js";
import { Failure, Skeleton } from "./states.js";
import { notify } from "./toast.js";
import { get, post } from "../lib/api.js";
import { t } from "../lib/i18n.js";
import { useResource } from "../lib/resource.js";

const PATH = "/auth/second-factor";

/** The second factor of staff: enrolment in two steps, recovery codes, and its end. */
export function SecondFactor() {
  const factor = useResource((signal) => get(PATH, {}, { signal }));
  const enrolment = useSignal(null);
  const codes = useSignal(null);
  const show = (recoveryCodes) => {
    [codes.value, enrolment.value] = [recoveryCodes, null];
    factor.reload();
  };
  if (factor.error) return html`<${Failure} error=${factor.error} onRetry=${factor.reload} />`;
  if (!factor.value) return html`<${Skeleton} />`;
  const { enabled, recoveryCodesLeft } = factor.value;
  return html`<div>
    ${codes.value && html`<${Card} title=${t("account-codes")}><p>${t("account-codes-hint")}</p><ul class="codes" dir="ltr">${codes.value.map((code) => html`<li><code>${code}</code></li>`)}</ul></${Card}>`}
    ${enabled && html`<${Enrolled} left=${recoveryCodesLeft} onCodes=${show} />`}
    ${!enabled && !enrolment.value && html`<${Begin} onBegin=${(begun) => (enrolment.value = begun)} />`}
    ${!enabled && enrolment.value && html`<${Confirm} enrolment=${enrolment.value} onCodes=${show} />`}
  </div>`;
}

const CodeField = (props) => html`<${Field} label=${t("code")} inputmode="numeric" autocomplete="one-time-code" dir="ltr" ...${props} />`;

function Begin({ onBegin }) {
  const { form, field } = useFields({ currentPassword: "" }, async (values) => onBegin(await post(PATH, values)));
  return html`<${FormCard} title=${t("account-factor")} form=${form} action=${t("account-factor-begin")}>
    <p>${t("account-factor-hint")}</p>
    <${PasswordField} label=${t("account-current-password")} ...${field("currentPassword")} />
  </${FormCard}>`;
}

function Confirm({ enrolment: { secret, otpauthUrl }, onCodes }) {
  const { form, field } = useFields({ code: "" }, async ({ code }) => onCodes((await post(`${PATH}/confirm`, { code: code.trim() })).recoveryCodes));
  return html`<${FormCard} title=${t("account-factor")} form=${form} action=${t("account-factor-confirm")}>
    <p>${t("account-factor-secret")}</p>
    <p class="secret" dir="ltr"><code>${secret}</code></p>
    <p><a href=${otpauthUrl}>${t("account-factor-open")}</a></p>
    <${CodeField} ...${field("code")} />
  </${FormCard}>`;
}

function Enrolled({ left, onCodes }) {
  const action = useSignal("recovery-codes");
  const { form, field, clear } = useFields({ currentPassword: "", code: "" }, async (values) => {
    const answer = await post(`${PATH}/${action.value}`, { ...values, code: values.code.trim() });
    clear();
    notify(t("account-changed"));
    onCodes(answer?.recoveryCodes);
  });
  const actions = ["recovery-codes", "disable"];
  return html`<${FormCard} title=${t("account-factor")} form=${form} action=${t(`account-factor-${action.value}`)}>
    <p>${t("account-factor-on", { left })}</p>
    <${PasswordField} label=${t("account-current-password")} ...${field("currentPassword")} />
    <${CodeField} hint=${t("code-hint")} ...${field("code")} />
    ${actions.map((name) => html`<label class="check"><input type="radio" name="action" checked=${action.value === name} onChange=${() => (action.value = name)} /> <span>${t(`account-factor-${name}`)}</span></label>`)}
  </${FormCard}>`;
}
