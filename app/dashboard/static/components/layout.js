// The frame of every page: name, navigation, language and colour scheme.

import { html, useSignal } from "../vendor/preact.js";
import { isOnline } from "../lib/api.js";
import { LANGUAGES, language, setLanguage, t } from "../lib/i18n.js";
import { navigate, path } from "../lib/router.js";
import { readSetting, storeSetting } from "../lib/storage.js";
import { config, signOut, user } from "../lib/session.js";
import { Toasts, notify } from "./toast.js";
import { describeError } from "./fields.js";

const LINKS = [
  ["/dashboard", "nav-projects"],
  ["/dashboard/zakat", "nav-zakat"],
  ["/dashboard/murabaha", "nav-murabaha"],
];
const OWN_LINKS = {
  user: [["/dashboard/account", "nav-account"]],
  officer: [["/dashboard/account", "nav-account"], ["/dashboard/staff", "nav-staff"]],
  admin: [["/dashboard/account", "nav-account"], ["/dashboard/staff", "nav-staff"], ["/dashboard/admin", "nav-admin"]],
};

/** A link that is marked on its page, and on the pages below it if it leads to a group of pages. */
const NavLink = ({ to, isGroup, children }) => {
  const isHere = path.value === to || (isGroup && path.value.startsWith(`${to}/`));
  return html`<a href=${to} aria-current=${isHere ? "page" : undefined}>${children}</a>`;
};

/** The frame of a page; `links` are those of its group of pages. */
export function Layout({ links, children }) {
  return html`
    <a class="skip" href="#content">${t("skip")}</a>
    <header>
      <a class="brand" href="/dashboard">
        ${config.value.logoUrl && html`<img src="/api/logo" alt="" height="36" />`}
        <strong>${config.value.name}</strong>
      </a>
      <nav aria-label=${t("nav")}>
        ${LINKS.map(([to, text]) => html`<${NavLink} to=${to}>${t(text)}</${NavLink}>`)}
        ${(OWN_LINKS[user.value?.role] || []).map(([to, text]) => html`<${NavLink} to=${to} isGroup>${t(text)}</${NavLink}>`)}
      </nav>
      <${Account} />
    </header>
    <main id="content">
      ${config.value.testMode && html`<p class="banner">${t("test-mode")}</p>`}
      ${!isOnline.value && html`<p class="banner warning" role="alert">${t("offline")}</p>`}
      ${links?.length > 1 && html`<nav class="sub" aria-label=${t("nav-group")}>${links.map(([to, text], index) => html`<${NavLink} to=${to} isGroup=${index > 0}>${t(text)}</${NavLink}>`)}</nav>`}
      ${children}
    </main>
    <footer><${Preferences} />
      <p><a href="/api/docs">${t("for-developers")}</a></p>
      <p>${t("no-fatwa")}</p>
    </footer>
    <${Toasts} />`;
}

function Account() {
  const leave = async () => {
    try {
      await signOut();
      notify(t("signed-out"));
      navigate("/dashboard");
    } catch (error) {
      notify(describeError(error));
    }
  };
  if (!user.value) return html`<div class="account"><${NavLink} to="/dashboard/sign-in">${t("sign-in")}</${NavLink}></div>`;
  return html`<div class="account">
    <bdi>${user.value.name}</bdi>
    <button type="button" class="plain" onClick=${leave}>${t("sign-out")}</button>
  </div>`;
}

function Preferences() {
  const scheme = useSignal(readSetting("scheme") || "");
  const changeLanguage = async (event) => {
    storeSetting("language", event.target.value);
    await setLanguage(event.target.value);
  };
  const changeScheme = (event) => {
    scheme.value = event.target.value;
    storeSetting("scheme", scheme.value);
    if (scheme.value) document.documentElement.dataset.theme = scheme.value;
    else delete document.documentElement.dataset.theme;
  };
  const languages = config.value.languages.filter((code) => code in LANGUAGES);
  return html`<div class="preferences">
    <label>${t("language")}
      <select name="language" onChange=${changeLanguage}>
        ${languages.map((code) => html`<option value=${code} lang=${code} selected=${code === language.value}>${LANGUAGES[code]}</option>`)}
      </select>
    </label>
    <label>${t("scheme")}
      <select name="scheme" onChange=${changeScheme}>
        ${["", "light", "dark"].map((name) => html`<option value=${name} selected=${name === scheme.value}>${t(`scheme-${name || "system"}`)}</option>`)}
      </select>
    </label>
  </div>`;
}
