import { html, useSignal } from "../../vendor/preact.js";
import { AskButton } from "../../components/ask.js";
import { Card } from "../../components/card.js";
import { ErrorSummary, Field, SubmitButton, useForm } from "../../components/fields.js";
import { Heading } from "../../components/heading.js";
import { List } from "../../components/list.js";
import { notify } from "../../components/toast.js";
import { UploadField } from "../../components/upload.js";
import { get, remove } from "../../lib/api.js";
import { download } from "../../lib/files.js";
import { formatDate, formatNumber } from "../../lib/format.js";
import { t } from "../../lib/i18n.js";
import { useList } from "../../lib/list.js";

export const title = "account-documents";

export default function Documents() {
  return html`<${Heading} intro=${t("account-documents-intro")}>${t("account-documents")}</${Heading}>
    <${Uploads} /><${Statement} /><${DataExport} />`;
}

function Uploads() {
  const list = useList("/uploads");
  const add = () => {
    notify(t("account-uploaded"));
    list.reload();
  };
  return html`<${Card} title=${t("account-uploads")}>
    <${UploadField} onUpload=${add} />
    <${List} list=${list} empty=${t("account-no-uploads")} hint=${t("account-papers-hint")}>
      ${(rows) => html`<ul class="lines">${rows.map((file) => html`<${File} key=${file.filename} file=${file} onDelete=${list.reload} />`)}</ul>`}
    </${List}>
  </${Card}>`;
}

function File({ file: { filename, size, createdAt, inUse }, onDelete }) {
  const path = `/uploads/${encodeURIComponent(filename)}`;
  const destroy = async () => {
    await remove(path);
    onDelete();
  };
  return html`<li><div>
    <a class="target" href=${`/api${path}`} download><bdi>${filename}</bdi></a>
    <time datetime=${createdAt}>${formatDate(createdAt)}</time>
    <span>${formatNumber(size / 1024, { style: "unit", unit: "kilobyte", maximumFractionDigits: 0 })}</span>
    ${inUse ? html`<span>${t("account-in-use")}</span>` : html`<${AskButton} class="plain" label=${t("account-delete")} title=${filename} onConfirm=${destroy}>${t("account-not-undone")}</${AskButton}>`}
  </div></li>`;
}

function Statement() {
  const values = useSignal({ from: "", to: "" });
  const change = (event) => (values.value = { ...values.value, [event.target.name]: event.target.value });
  const form = useForm(() => download("/download", values.value));
  return html`<${Card} title=${t("account-statement")}><form onSubmit=${form.submit} novalidate>
    <p>${t("account-statement-hint")}</p>
    <${ErrorSummary} error=${form.error} />
    <div class="filters">${["from", "to"].map((name) => html`<${Field} type="date" name=${name} label=${t(name)} value=${values.value[name]} onChange=${change} errors=${form.errors} />`)}</div>
    <${SubmitButton} isSending=${form.isSending}>${t("download-pdf")}</${SubmitButton}>
  </form></${Card}>`;
}

function DataExport() {
  const requested = useSignal(null);
  const form = useForm(async () => (requested.value = await get("/auth/me/export")));
  return html`<${Card} title=${t("account-export")}><form onSubmit=${form.submit}>
    <p>${t("account-export-hint")}</p>
    <${ErrorSummary} error=${form.error} />
    <p role="status">${requested.value && t(`account-export-${requested.value.status}`)}</p>
    <${SubmitButton} isSending=${form.isSending}>${t("account-export-request")}</${SubmitButton}>
  </form></${Card}>`;
}
