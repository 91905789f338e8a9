// What the zakat calculator asks, and how the answers become the body of a calculation.

import { normalizeAmount } from "../components/fields.js";

/** The cards of the calculator, each with its items; an item is one asset of that category. */
export const CARDS = {
  money: ["cash", "bank", "crypto"],
  metals: ["gold", "silver"],
  trade: ["trade_goods", "property_for_sale", "receivable"],
  investments: ["shares_trading", "shares_long_term", "retirement"],
  harvest: ["crops", "rikaz"],
  livestock: ["camels", "cattle", "sheep"],
  other: ["other"],
};
const SPECIES = CARDS.livestock;

/** The fields of a category: their names in the API, and how they are entered. */
export const FIELDS = {
  gold: { grams: "number", karat: "number", personalUse: "check" },
  silver: { grams: "number", fineness: "number", personalUse: "check" },
  receivable: { amount: "money", doubtful: "check" },
  crops: { amount: "money", kilograms: "number", watering: ["rain", "irrigated", "mixed"] },
  camels: { count: "number" },
  cattle: { count: "number" },
  sheep: { count: "number" },
};
export const categoryOf = (item) => item.split("~")[0];
export const fieldsOf = (item) => FIELDS[categoryOf(item)] || { amount: "money" };

/** The field of an item that decides whether there is such an asset. */
const leadOf = (item) => Object.keys(fieldsOf(item))[0];
export const isFilled = (item, values) => Boolean(values[`${item}.${leadOf(item)}`]?.trim());

/** Return the items of a category: "cash", "cash~2" and so on. A herd is one item. */
export const itemsOf = (category, values) => Array.from({ length: values[`${category}.items`] || 1 }, (_, index) => (index ? `${category}~${index + 1}` : category));
export const hasSeveral = (category) => !SPECIES.includes(category);

/** Return the body of a calculation, and for each asset its item, to place errors. */
export function bodyOf(values) {
  const common = { currency: values.currency };
  if (values.mode === "known") {
    const body = { ...common, wealth: normalizeAmount(values.wealth), nisab: normalizeAmount(values.nisab) };
    return { body, items: [] };
  }
  const items = Object.values(CARDS).flat().flatMap((category) => itemsOf(category, values)).filter((item) => isFilled(item, values));
  const body = { ...common, nisabBasis: values.nisabBasis, yearBasis: values.yearBasis, school: values.school, nisabStandard: values.nisabStandard };
  body.assets = items.map((item) => assetOf(item, values));
  if (values.liabilities?.trim()) body.liabilities = [{ amount: normalizeAmount(values.liabilities) }];
  for (const name of ["asOf", "hawlStartedOn"]) if (values[name]) body[name] = values[name];
  return { body, items };
}

function assetOf(item, values) {
  const category = categoryOf(item);
  const asset = SPECIES.includes(category) ? { category: "livestock", species: category } : { category };
  if (values[`${item}.label`]?.trim()) asset.label = values[`${item}.label`].trim();
  for (const [field, kind] of Object.entries(fieldsOf(item))) {
    const value = values[`${item}.${field}`];
    if (field === "doubtful") asset.collectible = !value;
    else if (kind === "check") asset[field] = Boolean(value);
    else if (Array.isArray(kind)) asset[field] = value || kind[0];
    else if (value?.trim()) asset[field] = field === "count" ? countOf(value) : normalizeAmount(value);
  }
  return asset;
}

/** A count is a JSON integer; other text is sent as it is, so that the API says what is wrong. */
function countOf(text) {
  const number = normalizeAmount(text);
  return /^\d+$/.test(number) ? Number(number) : number;
}

/** Return whether there is enough to calculate. */
export const isComplete = ({ body }) => (body.assets ? body.assets.length > 0 : Boolean(body.wealth && body.nisab));

/** Name the API's errors by the fields of the form: "assets.0.grams" is "gold.grams". */
export function placeErrors(fields, items) {
  const place = (path) =>
    path.replace(/^assets\.(\d+)\./, (_, index) => `${items[index]}.`).replace(/^liabilities\.0\.amount$/, "liabilities");
  return Object.fromEntries(Object.entries(fields).map(([path, message]) => [place(path), message]));
}
