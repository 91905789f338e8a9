// A table that scrolls in its own box where it is too wide; of more than three columns, a row is a list on a phone.

import { html } from "../vendor/preact.js";

/** @param {{label: string, columns: [string, string?][], rows: any[][]}} props a column is its heading and its class */
export const Table = ({ label, columns, rows }) =>
  html`<div class="scroll" tabindex="0" role="region" aria-label=${label}><table class=${columns.length > 3 ? "stacked" : undefined}>
    <thead><tr>${columns.map(([heading, className]) => html`<th scope="col" class=${className}>${heading}</th>`)}</tr></thead>
    <tbody>${rows.map((cells) => html`<tr>${cells.map((cell, index) => html`<td class=${columns[index][1]} data-label=${columns[index][0]}>${cell}</td>`)}</tr>`)}</tbody>
  </table></div>`;
