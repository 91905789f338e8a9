// Uploading a file, with its progress.

import { html, useMemo, useSignal } from "../vendor/preact.js";
import { makeIdempotencyKey } from "../lib/api.js";
import { upload } from "../lib/files.js";
import { t } from "../lib/i18n.js";
import { Field, describeError, useForm } from "./fields.js";

/** A field that uploads what is chosen at once and passes its record to `onUpload`. */
export function UploadField({ onUpload }) {
  const sent = useSignal(null);
  const file = useSignal(null);
  const keyOf = useMemo(makeIdempotencyKey, []);
  const form = useForm(async () => {
    const { name, size, lastModified } = file.value;
    try {
      await onUpload(await upload(file.value, keyOf([name, size, lastModified]), (fraction) => (sent.value = fraction)));
    } finally {
      sent.value = null;
    }
  });
  const choose = async (event) => {
    const input = event.target;
    [file.value] = input.files;
    if (!file.value) return;
    await form.submit();
    input.value = "";
  };
  return html`<${Field} type="file" name="file" label=${t("account-upload")} hint=${t("account-upload-hint")} accept="image/jpeg,image/png,application/pdf"
      onChange=${choose} errors=${form.error ? { file: describeError(form.error) } : {}} />
    ${sent.value !== null && html`<progress value=${sent.value} max="1" aria-label=${t("account-uploading")}></progress>`}`;
}
