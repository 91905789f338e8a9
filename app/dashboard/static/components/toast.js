// Short news at the edge of the page, read out by screen readers, gone after a while.

import { html, signal } from "../vendor/preact.js";

const messages = signal([]);
const DURATION = 6000; // milliseconds

/** Show `text` for some seconds. */
export function notify(text) {
  const message = { text };
  messages.value = [...messages.value, message];
  setTimeout(() => (messages.value = messages.value.filter((other) => other !== message)), DURATION);
}

export const Toasts = () =>
  html`<div class="toasts" role="status" aria-live="polite">${messages.value.map(({ text }) => html`<p>${text}</p>`)}</div>`;
