// A part of a page, and figures.

import { html } from "../vendor/preact.js";

/** A part of a page with its heading. */
export const Card = ({ title, level = 2, children, footer, ...rest }) =>
  html`<article ...${rest}>
    ${title && html`<${`h${level}`}>${title}</${`h${level}`}>`}
    ${children}
    ${footer && html`<footer>${footer}</footer>`}
  </article>`;

/** Figures with their names, side by side where there is room. */
export const Figures = ({ items }) =>
  html`<dl class="figures">
    ${items.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}
  </dl>`;
