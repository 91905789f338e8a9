import { html, useEffect, useSignal } from "../../vendor/preact.js";
import { CheckField, ErrorSummary, Field, MoneyField, SelectField, SubmitButton, normalizeAmount, useForm } from "../../components/fields.js";
import { GiftState } from "../../components/gift.js";
import { Heading } from "../../components/heading.js";
import { ProjectProgress, isOpen } from "../../components/project.js";
import { Empty, Failure, Skeleton } from "../../components/states.js";
import { get } from "../../lib/api.js";
import { formatMoney } from "../../lib/format.js";
import { FIRST_VALUES, UNSENT, amountsIn, bodyOf, isRefusal, readGift, sendGift, storeGift } from "../../lib/gift.js";
import { t } from "../../lib/i18n.js";
import { useResource } from "../../lib/resource.js";
import { config, user } from "../../lib/session.js";

export const title = "give";
const DEDICATIONS = ["on_behalf", "in_memory", "in_honor"];
/** Payment methods that Stripe, and its stand-in of `make run`, take in test mode instead of a card. */
const TEST_CARDS = ["pm_card_visa", "pm_card_visa_chargeDeclined", "pm_card_visa_chargeDeclinedInsufficientFunds", "pm_card_authenticationRequired"];

export default function Give({ id }) {
  const project = useResource((signal) => get(`/waqf/projects/${encodeURIComponent(id)}`, {}, { signal }), [id]);
  const gift = useSignal({ values: FIRST_VALUES, ...readGift(id) });
  const keep = (changes) => {
    gift.value = { ...gift.value, ...changes };
    storeGift(id, gift.value);
  };
  const again = () => keep({ donation: null, receipt: null, begun: null, ...UNSENT });
  // Stripe's redirect adds the secret of the payment to the address.
  useEffect(() => location.search && history.replaceState(null, "", location.pathname), []);
  if (project.error) return html`<${Heading}>${t("give")}</${Heading}><${Failure} error=${project.error} onRetry=${project.reload} />`;
  if (!project.value) return html`<${Skeleton} lines=${8} />`;
  const Part = gift.value.donation ? GiftState : Form;
  return html`<p><a href=${`/dashboard/projects/${id}`}>${t("give-to-project")}</a></p>
    <div class="giving"><${Part} project=${project.value} gift=${gift.value} keep=${keep} again=${again} /></div>`;
}

function Form({ project, gift, keep }) {
  const { values, isUnknown } = gift;
  const hasStripe = Boolean(config.value.stripePublishableKey);
  const form = useForm(() => sendGift(bodyOf(project.id, values, { isGuest: !user.value, withCard: !hasStripe }), gift, keep));
  const set = (name, value) => keep({ values: { ...values, [name]: value } });
  const field = (name, on = "onInput") => ({ name, value: values[name], errors: form.errors, [on]: (event) => set(name, event.target.value) });
  const heading = html`<${Heading} intro=${html`<bdi>${project.name}</bdi>`}>${t("give")}</${Heading}><${ProjectProgress} project=${project} />`;
  if (!isOpen(project) && !isUnknown) return html`${heading}<${Empty} title=${project.active ? t("give-met") : t("give-closed")}><a href="/dashboard">${t("to-projects")}</a></${Empty}>`;
  if (!hasStripe && !config.value.testMode) return html`${heading}<${Empty} title=${t("give-unavailable")}>${t("give-unavailable-hint")}</${Empty}>`;
  const amount = normalizeAmount(values.amount);
  const text = /^\d+(\.\d+)?$/.test(amount) ? t("give-amount", { amount: formatMoney(amount, project.currency) }) : t("give");
  return html`${heading}
    <form onSubmit=${form.submit} novalidate>
      <${ErrorSummary} error=${form.error} />
      <${Advice} error=${form.error} isUnknown=${isUnknown} />
      <div class="chips" role="group" aria-label=${t("give-amounts")}>
        ${amountsIn(project.currency).map((chip) => html`<button type="button" aria-pressed=${String(amount === String(chip))} onClick=${() => set("amount", String(chip))}>${formatMoney(chip, project.currency)}</button>`)}
      </div>
      <${MoneyField} currency=${project.currency} label=${t("amount")} hint=${t("give-not-zakat")} ...${field("amount")} />
      <${SelectField} label=${t("give-dedication")} ...${field("dedication.kind", "onChange")} options=${[["", t("give-no-dedication")], ...DEDICATIONS.map((kind) => [kind, t(`give-dedication-${kind}`)])]} />
      ${values["dedication.kind"] && html`<${Field} label=${t("give-dedication-name")} hint=${t("give-dedication-hint")} dir="auto" autocomplete="off" ...${field("dedication.name")} />`}
      <${Field} as="textarea" rows="3" maxlength="500" label=${t("give-message")} hint=${t("give-message-hint")} dir="auto" ...${field("message")} />
      <${CheckField} name="isAnonymous" label=${t("give-anonymous")} checked=${values.isAnonymous} onChange=${(event) => set("isAnonymous", event.target.checked)} />
      <${Donor} project=${project} field=${field} />
      ${!hasStripe && html`<fieldset class="item test"><legend>${t("give-test")}</legend>
        <${SelectField} label=${t("give-card")} hint=${t("give-card-hint")} ...${field("paymentMethodId", "onChange")} options=${TEST_CARDS.map((card) => [card, t(`give-card-${card}`)])} />
      </fieldset>`}
      <${SubmitButton} isSending=${form.isSending}>${text}</${SubmitButton}>
      ${hasStripe && html`<p><small>${t("give-stripe")}</small></p>`}
    </form>`;
}

/** What to do after a failure, and after a gift whose answer was lost. */
function Advice({ error, isUnknown }) {
  if (isUnknown && (!error || !isRefusal(error))) return html`<p class="banner" role="status">${t("give-unknown")}</p>`;
  if (["PAYMENT_DECLINED", "INSUFFICIENT_FUNDS"].includes(error?.code)) return html`<p>${t("give-declined")}</p>`;
  if (["GOAL_MET", "PROJECT_INACTIVE"].includes(error?.code)) return html`<p><a href="/dashboard">${t("give-other")}</a></p>`;
  return null;
}

function Donor({ project, field }) {
  if (user.value) return html`<p>${t("give-as", { name: user.value.name, email: user.value.email })}</p>`;
  return html`<fieldset class="item"><legend>${t("give-donor")}</legend>
    <${Field} label=${t("name")} autocomplete="name" dir="auto" ...${field("donor.name")} />
    <${Field} type="email" label=${t("email")} hint=${t("give-email-hint")} autocomplete="email" dir="ltr" ...${field("donor.email")} />
    <p><a href=${`/dashboard/sign-in?next=/dashboard/projects/${project.id}/give`}>${t("give-sign-in")}</a></p>
  </fieldset>`;
}
