// The texts, by Fluent. A page calls `t(id, args)` while it renders.

import { FluentBundle, FluentResource } from "../vendor/fluent.js";
import { signal } from "../vendor/preact.js";
import { setApiLanguage } from "./api.js";
import { readSetting } from "./storage.js";

export const LANGUAGES = { en: "English", ar: "العربية", id: "Bahasa Indonesia" };
export const language = signal("en");
const current = signal(null);
const bundles = {};
const loading = {};

/** Return the text of message `id`; all languages have the same messages. */
export function t(id, args) {
  const message = current.value?.getMessage(id);
  return message?.value ? current.value.formatPattern(message.value, args, []) : id;
}

/** The parts of the texts that are in use; each group of pages has one. */
const parts = ["public"];

async function loadBundle(code) {
  // Western digits in all languages. Directional isolates keep "$5" in Arabic text as it is.
  const bundle = (bundles[code] ??= new FluentBundle(`${code}-u-nu-latn`));
  await Promise.all(parts.map((part) => (loading[`${code}/${part}`] ??= loadPart(bundle, code, part))));
  return bundle;
}

async function loadPart(bundle, code, part) {
  const response = await fetch(new URL(`../locales/${code}/${part}.ftl`, import.meta.url));
  if (!response.ok) throw new Error(`The texts ${code}/${part} are not there.`);
  bundle.addResource(new FluentResource(await response.text()));
}

/** Load the texts of a group of pages, in the language of the page and later in each other one. */
export async function loadTexts(part) {
  if (!parts.includes(part)) parts.push(part);
  await loadBundle(language.value);
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
