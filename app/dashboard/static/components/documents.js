import { html } from "../vendor/preact.js";

/** Uploaded files: images as they are, others by name. Each link downloads its file. */
export const Documents = ({ names }) =>
  html`<ul class="documents">${names.map((name) => {
    const url = `/api/uploads/${encodeURIComponent(name)}`;
    return html`<li><a href=${url} download>${/\.(jpg|png)$/.test(name) && html`<img src=${url} alt="" loading="lazy" />`}<bdi>${name}</bdi></a></li>`;
  })}</ul>`;
