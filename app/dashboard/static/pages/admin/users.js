import { html, useMemo, useSignal } from "../../vendor/preact.js";
import { Dialog } from "../../components/dialog.js";
import { ErrorSummary, Field, SelectField, SubmitButton, useForm } from "../../components/fields.js";
import { Heading } from "../../components/heading.js";
import { Empty, Failure, Skeleton } from "../../components/states.js";
import { Table } from "../../components/table.js";
import { notify } from "../../components/toast.js";
import { get, makeIdempotencyKey, patch, post } from "../../lib/api.js";
import { formatDate } from "../../lib/format.js";
import { t } from "../../lib/i18n.js";
import { useResource } from "../../lib/resource.js";
import { user as me } from "../../lib/session.js";

export const title = "admin-users";
const ROLES = ["user", "officer", "admin"];
const roleOptions = () => ROLES.map((role) => [role, t(`admin-role-${role}`)]);
const EMPTY_USER = { name: "", email: "", password: "", role: "user" };

export default function Users() {
  const filters = useSignal({ search: "", role: "" });
  const { search, role } = filters.value;
  const users = useResource((signal) => get("/users", { search, role }, { signal }), [search, role]);
  const step = useSignal(null);
  const change = (event) => (filters.value = { ...filters.value, [event.target.name]: event.target.value.trim() });
  return html`<${Heading} intro=${t("admin-users-intro")}>${t("admin-users")}</${Heading}>
    <div class="filters">
      <${Field} type="search" name="search" label=${t("admin-search")} hint=${t("admin-search-hint")} value=${search} onChange=${change} errors=${users.error?.fields} />
      <${SelectField} name="role" label=${t("admin-role")} value=${role} onChange=${change} options=${[["", t("admin-role-all")], ...roleOptions()]} />
    </div>
    ${users.error && html`<${Failure} error=${users.error} onRetry=${users.reload} />`}
    ${!users.error && !users.value && html`<${Skeleton} lines=${8} />`}
    ${users.value && html`<${UserTable} users=${users.value} step=${step} />`}
    <${CreateUser} onCreated=${users.reload} />
    ${step.value && html`<${Step} step=${step.value} onClose=${() => (step.value = null)} onDone=${users.reload} />`}`;
}

function UserTable({ users, step }) {
  if (!users.length) return html`<${Empty} title=${t("admin-users-none")}>${t("admin-users-hint")}</${Empty}>`;
  const ask = (kind, user, value) => (step.value = { kind, user, value });
  const columns = [[t("name")], [t("email")], [t("admin-role")], [t("admin-since")], [t("admin-steps")]];
  const steps = (user) => html`<div class="buttons">
    <button type="button" class="secondary" aria-label=${`${t("admin-reset-link")}: ${user.email}`} onClick=${() => ask("reset", user)}>${t("admin-reset-link")}</button>
    ${user.id !== me.value.id && html`<button type="button" class="secondary" aria-label=${`${t(user.disabled ? "admin-enable" : "admin-disable")}: ${user.email}`} onClick=${() => ask("disabled", user, !user.disabled)}>${t(user.disabled ? "admin-enable" : "admin-disable")}</button>`}
  </div>`;
  const role = (user) =>
    user.id === me.value.id
      ? t(`admin-role-${user.role}`)
      : html`<select aria-label=${t("admin-role-of", { name: user.name })} value=${user.role} onChange=${(event) => { ask("role", user, event.target.value); event.target.value = user.role; }}>
          ${roleOptions().map(([key, label]) => html`<option value=${key} selected=${key === user.role}>${label}</option>`)}</select>`;
  const rows = users.map((user) => [html`<bdi>${user.name}</bdi>${user.disabled && html`<br /><small>${t("admin-disabled")}</small>`}`, html`<span dir="ltr">${user.email}</span>`, role(user), formatDate(user.createdAt), steps(user)]);
  return html`<${Table} label=${t("admin-users")} columns=${columns} rows=${rows} />${users.length === 100 && html`<p>${t("admin-users-more")}</p>`}`;
}

/** Ask before a step on a user, do it, and show the link that a reset returns. */
function Step({ step: { kind, user, value }, onClose, onDone }) {
  const link = useSignal(null);
  const { submit, error } = useForm(async () => {
    if (kind === "reset") {
      link.value = await post(`/users/${user.id}/password-reset`);
      return;
    }
    await patch(`/users/${user.id}`, { [kind]: value });
    notify(t("admin-changed"));
    onClose();
    onDone();
  });
  const question = { reset: "admin-ask-reset", disabled: value ? "admin-ask-disable" : "admin-ask-enable", role: "admin-ask-role" }[kind];
  const text = t(question, { name: user.name, role: kind === "role" ? t(`admin-role-${value}`) : "" });
  if (link.value)
    return html`<${Dialog} isOpen title=${t("admin-reset-link")} confirm=${t("admin-copy")} onConfirm=${() => navigator.clipboard.writeText(link.value.resetUrl).then(() => notify(t("admin-copied")))} onClose=${onClose}>
      <p>${t("admin-reset-hint", { time: formatDate(link.value.expiresAt, { timeStyle: "short" }) })}</p>
      <input readonly dir="ltr" aria-label=${t("admin-reset-link")} value=${link.value.resetUrl} onFocus=${(event) => event.target.select()} />
    </${Dialog}>`;
  return html`<${Dialog} isOpen title=${t("admin-sure")} confirm=${t("admin-confirm")} onConfirm=${submit} onClose=${onClose}>
    <${ErrorSummary} error=${error} /><p>${text}</p>
  </${Dialog}>`;
}

function CreateUser({ onCreated }) {
  const values = useSignal(EMPTY_USER);
  const keyOf = useMemo(makeIdempotencyKey, []);
  const change = (event) => (values.value = { ...values.value, [event.target.name]: event.target.value });
  const { submit, error, errors, isSending } = useForm(async () => {
    await post("/users", values.value, { key: keyOf(values.value) });
    notify(t("admin-user-created"));
    values.value = EMPTY_USER;
    onCreated();
  });
  const field = (name) => ({ name, value: values.value[name], onInput: change, errors });
  return html`<details class="category"><summary><h2>${t("admin-create-user")}</h2></summary>
    <form onSubmit=${submit} novalidate><${ErrorSummary} error=${error} />
      <${Field} label=${t("name")} autocomplete="off" dir="auto" ...${field("name")} />
      <${Field} type="email" label=${t("email")} autocomplete="off" dir="ltr" ...${field("email")} />
      <${Field} type="password" label=${t("password")} hint=${t("password-hint")} autocomplete="new-password" dir="ltr" ...${field("password")} />
      <${SelectField} label=${t("admin-role")} options=${roleOptions()} ...${field("role")} />
      <${SubmitButton} isSending=${isSending}>${t("admin-create-user")}</${SubmitButton}>
    </form></details>`;
}
