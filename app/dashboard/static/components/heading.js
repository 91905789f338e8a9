import { html, useEffect, useRef } from "../vendor/preact.js";
import { isFirstPage } from "../lib/router.js";

/** A page's heading, which takes the focus when the page is opened by a link, or replaced by the next step (`focus`). */
export function Heading({ children, intro, focus }) {
  const heading = useRef();
  useEffect(() => {
    if (focus || !isFirstPage()) heading.current.focus({ preventScroll: true });
  }, []);
  return html`<hgroup><h1 tabindex="-1" ref=${heading}>${children}</h1>${intro && html`<p>${intro}</p>`}</hgroup>`;
}
