// Charts as SVG with a table or text beside them; in right-to-left pages they are mirrored by CSS.

import { html } from "../vendor/preact.js";

/**
 * One bar in parts, with a legend that has the figures.
 * @param {{label: string, parts: {name: string, value: number, text: string}[], first?: number}} props
 * `first` is the number of the first part's colour
 */
export function StackedBar({ label, parts, first = 1 }) {
  const total = parts.reduce((sum, part) => sum + part.value, 0) || 1;
  let offset = 0;
  const rects = parts.map((part, index) => {
    const width = (part.value / total) * 100;
    const rect = html`<rect class=${`series-${index + first}`} x=${offset} y="0" width=${width} height="8" />`;
    offset += width;
    return rect;
  });
  return html`<figure class="chart">
    <svg viewBox="0 0 100 8" preserveAspectRatio="none" role="img" aria-label=${label}>${rects}</svg>
    <figcaption>
      ${parts.map((part, index) => html`<span class="key"><svg viewBox="0 0 8 8" aria-hidden="true"><rect class=${`series-${index + first}`} width="8" height="8" /></svg>${part.name} <strong>${part.text}</strong></span>`)}
    </figcaption>
  </figure>`;
}

/** A bar up to `value`, with a mark at `mark`; both are fractions of the bar. */
export function MarkedBar({ label, value, mark }) {
  return html`<svg class="marked-bar" viewBox="0 0 100 10" preserveAspectRatio="none" role="img" aria-label=${label}>
    <rect class="track" x="0" y="2" width="100" height="6" />
    <rect class="series-1" x="0" y="2" width=${Math.max(0, Math.min(value, 1)) * 100} height="6" />
    <rect class="mark" x=${Math.max(0, Math.min(mark, 1)) * 99.4} y="0" width="0.6" height="10" />
  </svg>`;
}
