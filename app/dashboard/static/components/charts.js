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

/**
 * Columns in parts, each named below, with a legend of the parts' names.
 * @param {{label: string, names: string[], points: {name: string, parts: {name: string, value: number, text: string}[]}[]}} props
 */
export function StackedColumns({ label, names, points }) {
  const sum = (parts) => parts.reduce((total, part) => total + part.value, 0);
  const highest = Math.max(...points.map((point) => sum(point.parts)), 0) || 1;
  const step = 100 / points.length;
  const column = ({ name, parts }, index) => {
    let top = 40;
    return parts.map((part) => {
      const height = (part.value / highest) * 38;
      top -= height;
      return html`<rect class=${seriesOf(names.indexOf(part.name))} x=${index * step + step * 0.15} y=${top} width=${step * 0.7} height=${height}><title>${name}: ${part.name} ${part.text}</title></rect>`;
    });
  };
  return html`<figure class="chart">
    <svg class="tall" viewBox="0 0 100 40" preserveAspectRatio="none" role="img" aria-label=${label}>${points.map(column)}</svg>
    <div class="ends"><span>${points[0]?.name}</span><span>${points.at(-1)?.name}</span></div>
    <figcaption>${names.map((name, index) => html`<span class="key"><svg viewBox="0 0 8 8" aria-hidden="true"><rect class=${seriesOf(index)} width="8" height="8" /></svg><bdi>${name}</bdi></span>`)}</figcaption>
  </figure>`;
}

/** Bars of `points` ({name, value, text}), without a legend. */
export const BarChart = ({ label, points }) =>
  html`<${StackedColumns} label=${label} names=${[]} points=${points.map((point) => ({ name: point.name, parts: [point] }))} />`;

/** There are four colours; further parts share the last one. */
const seriesOf = (index) => `series-${Math.min(Math.max(index, 0) + 1, 4)}`;

/** A line through `points` ({name, value, text}). */
export function LineChart({ label, points }) {
  const values = points.map((point) => point.value);
  const [lowest, highest] = [Math.min(...values), Math.max(...values)];
  const x = (index) => (points.length > 1 ? (index / (points.length - 1)) * 100 : 50);
  const y = (value) => 37 - ((value - lowest) / (highest - lowest || 1)) * 34;
  const line = points.map((point, index) => `${x(index)},${y(point.value)}`).join(" ");
  return html`<figure class="chart">
    <svg class="tall" viewBox="0 0 100 40" preserveAspectRatio="none" role="img" aria-label=${label}>
      <polyline class="line" points=${line} />
    </svg>
    <figcaption class="ends">
      <span>${points[0]?.name} <strong>${points[0]?.text}</strong></span>
      <span>${points.at(-1)?.name} <strong>${points.at(-1)?.text}</strong></span>
    </figcaption>
  </figure>`;
}
