// Sums of amounts, exact because they are added in minor units.

import { formatMoney, minorUnits } from "./format.js";

/** Add [currency, amount] pairs and return one pair for each currency. */
export function sumMoney(pairs) {
  const sums = new Map();
  for (const [currency, amount] of pairs) sums.set(currency, (sums.get(currency) || 0) + Math.round(amount * 10 ** minorUnits(currency)));
  return [...sums].map(([currency, sum]) => [currency, sum / 10 ** minorUnits(currency)]);
}

/** Format the sums of [currency, amount] pairs, as "$5.00 + €3.00"; a dash without any. */
export const formatSums = (pairs) => sumMoney(pairs).map(([currency, sum]) => formatMoney(sum, currency)).join(" + ") || "–";
