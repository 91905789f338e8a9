import { html, useSignal } from "../../vendor/preact.js";
import { FilteredList, booleanOptions, named } from "../../components/filtered-list.js";
import { Heading } from "../../components/heading.js";
import { Opened } from "../../components/staff.js";
import { Step, StepForm } from "../../components/step.js";
import { t } from "../../lib/i18n.js";

export const title = "staff-vendors";
const FIELDS = [["name", "text"], ["email", "email"], ["phone", "tel"]];

export default function Vendors() {
  const version = useSignal(0);
  const edited = useSignal(null);
  const reload = () => {
    edited.value = null;
    version.value++;
  };
  const vendor = edited.value;
  return html`<${Heading}>${t(title)}</${Heading}>
    <${Step} label=${t("staff-new-vendor")} path="/murabaha/vendors" fields=${FIELDS} onDone=${reload} />
    ${vendor && html`<${Opened} key=${vendor.id} title=${html`<bdi>${vendor.name}</bdi>`}>
      <${StepForm} label=${t("staff-edit")} method="PATCH" path=${`/murabaha/vendors/${vendor.id}`} fields=${[...FIELDS, ["active", "check"]]} initial=${vendor} onDone=${reload} />
    </${Opened}>`}
    <${FilteredList} path="/murabaha/vendors" label=${t(title)} filters=${[["active", "select", { options: booleanOptions("yes", "no") }]]} version=${version.value}
      columns=${[[t("name")], [t("email")], [t("staff-field", { name: "phone" })], [t("staff-field", { name: "active" })], [t("staff-edit")]]}
      row=${(item) => [
        html`<bdi>${item.name}</bdi>`,
        item.email,
        html`<span dir="ltr">${item.phone}</span>`,
        named(item.active ? "yes" : "no"),
        html`<button type="button" class="plain" aria-label=${`${t("staff-edit")}: ${item.name}`} onClick=${() => (edited.value = item)}>${t("staff-edit")}</button>`,
      ]} />`;
}
