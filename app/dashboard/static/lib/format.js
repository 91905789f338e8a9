// Money, numbers and days by Intl, in the page's language and with Western digits.

import { language } from "./i18n.js";

const locale = (extension = "") => `${language.value}-u-nu-latn${extension}`;

/** Format an amount; in Arabic as a left-to-right isolate, so that "US$" is not turned around. */
export function formatMoney(amount, currency) {
  const text = new Intl.NumberFormat(locale(), { style: "currency", currency }).format(amount);
  return language.value === "ar" ? `\u2066${text.replace(/[\u200e\u200f\u061c]/g, "")}\u2069` : text;
}

export const formatNumber = (value, options) => new Intl.NumberFormat(locale(), options).format(value);

export const formatPercent = (fraction, digits = 0) =>
  formatNumber(fraction, { style: "percent", maximumFractionDigits: digits });

/** Format a day ("2026-01-26") or a moment. A day is the same everywhere, so it is read as UTC. */
export function formatDate(value, options = { dateStyle: "medium" }) {
  const isDay = value.length === 10;
  return new Intl.DateTimeFormat(locale("-ca-gregory"), isDay ? { timeZone: "UTC", ...options } : options).format(new Date(value));
}

export const formatHijri = (day) =>
  new Intl.DateTimeFormat(locale("-ca-islamic-umalqura"), { day: "numeric", month: "long", year: "numeric", timeZone: "UTC" }).format(new Date(day));

export const currencyName = (code) =>
  new Intl.DisplayNames([language.value], { type: "currency" }).of(code);

/** Return how many decimals amounts of `currency` have. */
export const minorUnits = (currency) =>
  new Intl.NumberFormat("en", { style: "currency", currency }).resolvedOptions().maximumFractionDigits;

/** Return the day of `moment`, or today's, in `timeZone`, as "2026-01-26". */
export const today = (timeZone, moment = Date.now()) => new Intl.DateTimeFormat("en-CA", { timeZone }).format(moment);

export const DAY = 86400000; // milliseconds

/** Return how many days it is from today in `timeZone` to a day or moment; negative in the past. */
export const daysUntil = (value, timeZone) => Math.floor((Date.parse(value) - Date.parse(today(timeZone))) / DAY);

/** Return `amount` less `paid`, in whole minor units, so that nothing is rounded. */
export function subtract(amount, paid, currency) {
  const digits = minorUnits(currency);
  const [whole, part] = [amount, paid].map((value) => Math.round(value * 10 ** digits));
  return ((whole - part) / 10 ** digits).toFixed(digits);
}
