// The texts, by Fluent. A page calls `t(id, args)` while it renders.

import { FluentBundle, FluentResource } from "../vendor/fluent.js";
import { signal } from "../vendor/preact.js";
import { setApiLanguage } from "./api.js";
import { readSetting } from "./storage.js";

export const LANGUAGES = { en: "English", ar: "العربية", id: "Bahasa Indonesia" };
export const language = signal("en");
const current = signal(null);
const loading = {};

/** Return the text of message `id`; all languages have the same messages. */
export function t(id, args) {
  const message = current.value?.getMessage(id);
  return message?.value ? current.value.formatPattern(message.value, args, []) : id;
}

const loadBundle = (code) => (loading[code] ??= fetchBundle(code));

async function fetchBundle(code) {
  const response = await fetch(new URL(`../locales/${code}.ftl`, import.meta.url));
  // Western digits in all languages. Directional isolates keep "$5" in Arabic text as it is.
  const bundle = new FluentBundle(`${code}-u-nu-latn`);
  bundle.addResource(new FluentResource(await response.text()));
  return bundle;
}

/** Load the texts of `code` and show the page in them. */
export async function setLanguage(code) {
  const wanted = code in LANGUAGES ? code : "en";
  const bundle = await loadBundle(wanted);
  setApiLanguage(wanted);
  document.documentElement.lang = wanted;
  document.documentElement.dir = wanted === "ar" ? "rtl" : "ltr";
  current.value = bundle;
  language.value = wanted;
}

/** Return the language that was chosen here, else the browser's first known one. */
export function preferredLanguage(available = Object.keys(LANGUAGES)) {
  const known = available.filter((code) => code in LANGUAGES);
  const wanted = [readSetting("language"), ...navigator.languages.map((tag) => tag.slice(0, 2))];
  return wanted.find((code) => known.includes(code)) || known[0] || "en";
}
