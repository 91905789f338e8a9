// CSV files (RFC 4180) that are made in the browser, for spreadsheets.

/** What a spreadsheet would run as a formula, at the beginning of a cell or after what it may take as the end of one. */
const FORMULA = /(^|[;\t\r\n])(?=[\s\p{Cf}]*[=+\-@\u2212\uff0b\uff0d\uff1d\uff20])/gu;

function cellOf(value) {
  if (typeof value === "number") return String(value);
  const text = (value ?? "").replace(FORMULA, "$1'");
  return /[",;\t\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** Save `rows`, the first of which has the headings, under `name`. */
export function saveCsv(name, rows) {
  const text = rows.map((cells) => `${cells.map(cellOf).join(",")}\r\n`).join("");
  const address = URL.createObjectURL(new Blob(["\ufeff", text], { type: "text/csv" })); // with a mark, so that Excel reads UTF-8
  Object.assign(document.createElement("a"), { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 60000);
}
