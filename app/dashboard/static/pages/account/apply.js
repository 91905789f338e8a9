import { html, useSignal } from "../../vendor/preact.js";
import { Card } from "../../components/card.js";
import { CurrencyField } from "../../components/currency.js";
import { ErrorSummary, Field, MoneyField, SelectField, SubmitButton, normalizeAmount, useForm } from "../../components/fields.js";
import { Heading } from "../../components/heading.js";
import { Empty, Failure, Skeleton } from "../../components/states.js";
import { UploadField } from "../../components/upload.js";
import { t } from "../../lib/i18n.js";
import { readAll } from "../../lib/list.js";
import { useResource } from "../../lib/resource.js";
import { navigate } from "../../lib/router.js";
import { config } from "../../lib/session.js";
import { useStep } from "../../lib/step.js";
import { readDraft, storeDraft } from "../../lib/storage.js";

export const title = "account-apply";
const DRAFT = "financing";

/** Read the sellers that applications may name. */
export const useVendors = () => useResource((signal) => readAll("/murabaha/vendors", { active: true }, { signal }));

/** The choice of a seller; without a choice yet the first entry asks for one. */
export const VendorField = ({ vendors, ...field }) =>
  html`<${SelectField} name="vendorId" label=${t("account-vendor")} options=${[["", t("account-choose")], ...vendors.map(({ id, name }) => [id, name])]} ...${field} />`;

export default function Apply() {
  const vendors = useVendors();
  return html`<${Heading} intro=${t("account-apply-intro")}>${t("account-apply")}</${Heading}>
    ${vendors.error && html`<${Failure} error=${vendors.error} onRetry=${vendors.reload} />`}
    ${!vendors.value && !vendors.error && html`<${Skeleton} lines=${8} />`}
    ${vendors.value?.length === 0 && html`<${Empty} title=${t("account-no-vendors")}>${t("account-no-vendors-hint")}</${Empty}>`}
    ${vendors.value?.length > 0 && html`<${ApplicationForm} vendors=${vendors.value} />`}`;
}

function ApplicationForm({ vendors }) {
  const values = useSignal({ vendorId: "", itemDescription: "", requestedAmount: "", termMonths: "12", downPayment: "", currency: config.value.defaultCurrency, documents: [], ...readDraft(DRAFT) });
  const send = useStep();
  const set = (changes) => storeDraft(DRAFT, (values.value = { ...values.value, ...changes }));
  const { vendorId, requestedAmount, termMonths, downPayment, currency, documents } = values.value;
  const form = useForm(async () => {
    const body = { ...values.value, requestedAmount: normalizeAmount(requestedAmount), termMonths: Number(termMonths), downPayment: normalizeAmount(downPayment) || "0" };
    const { id } = await send("/murabaha/applications", body);
    storeDraft(DRAFT, null);
    navigate(`/dashboard/account/financing/${id}`, { replace: true });
  });
  const change = (event) => set({ [event.target.name]: event.target.value });
  const field = (name) => ({ name, value: values.value[name], onInput: change, errors: form.errors });
  return html`<form onSubmit=${form.submit} novalidate>
    <${ErrorSummary} error=${form.error} />
    <${VendorField} vendors=${vendors} value=${vendorId} onChange=${change} errors=${form.errors} />
    <${Field} label=${t("account-goods")} dir="auto" ...${field("itemDescription")} />
    <${CurrencyField} value=${currency} onChange=${change} errors=${form.errors} />
    <${MoneyField} currency=${currency} label=${t("murabaha-cost")} ...${field("requestedAmount")} />
    <${MoneyField} currency=${currency} label=${t("murabaha-downPayment")} hint=${t("optional")} ...${field("downPayment")} />
    <${Field} type="number" min="6" max="60" label=${t("murabaha-termMonths")} hint=${t("term-hint")} ...${field("termMonths")} />
    <${Card} title=${t("account-papers")}>
      <p>${t("account-papers-hint")}</p>
      <ul class="lines">${documents.map((name) => html`<li><div><span class="target">${name}</span>
        <button type="button" class="plain" aria-label=${`${t("account-leave-out")}: ${name}`} onClick=${() => set({ documents: documents.filter((other) => other !== name) })}>${t("account-leave-out")}</button></div></li>`)}</ul>
      <${UploadField} onUpload=${({ filename }) => set({ documents: [...values.value.documents, filename] })} />
    </${Card}>
    <${SubmitButton} isSending=${form.isSending}>${t("account-apply-send")}</${SubmitButton}>
  </form>`;
}
