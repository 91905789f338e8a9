// The address of the page, as signals, and links that change it without loading the page.

import { signal } from "../vendor/preact.js";

export const path = signal(location.pathname);
export const search = signal(location.search);

let isFirst = true;
/** Return whether the page was loaded at this address; the focus then stays where the browser puts it. */
export const isFirstPage = () => isFirst;

const follow = () => {
  isFirst = false;
  path.value = location.pathname;
  search.value = location.search;
};
addEventListener("popstate", follow);

/** Show the page at `address`. */
export function navigate(address, { replace = false } = {}) {
  history[replace ? "replaceState" : "pushState"](null, "", address);
  follow();
  if (!replace) scrollTo(0, 0);
}

/** Return the parameters if `path` is like `pattern` ("/dashboard/projects/:id"), else null. */
export function matchPath(pattern, address) {
  const wanted = pattern.split("/");
  const parts = address.replace(/\/+$/, "").split("/");
  if (wanted.length !== parts.length) return null;
  const params = {};
  for (const [index, name] of wanted.entries()) {
    if (name.startsWith(":")) params[name.slice(1)] = decodeURIComponent(parts[index]);
    else if (name !== parts[index]) return null;
  }
  return params;
}

document.addEventListener("click", (event) => {
  const link = event.target.closest?.("a[href]");
  const isPlain = event.button === 0 && !(event.metaKey || event.ctrlKey || event.shiftKey || event.altKey);
  if (!link || !isPlain || event.defaultPrevented || link.target || link.hasAttribute("download")) return;
  if (link.origin !== location.origin || !link.pathname.startsWith("/dashboard")) return;
  if (link.hash && link.pathname === location.pathname) return;
  event.preventDefault();
  navigate(link.pathname + link.search);
});
