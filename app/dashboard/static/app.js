// Start the client: read the service's settings, the user and the texts, then show the page.

import { html, render, useEffect, useSignal } from "./vendor/preact.js";
import { Layout } from "./components/layout.js";
import { Failure, Skeleton } from "./components/states.js";
import { ApiError } from "./lib/api.js";
import { language, loadTexts, preferredLanguage, setLanguage, t } from "./lib/i18n.js";
import { matchPath, navigate, path, search } from "./lib/router.js";
import { config, loadConfig, loadUser, user } from "./lib/session.js";
import * as notFound from "./pages/not-found.js";

/** The groups of pages: their addresses, and who may see them. A group is loaded when it is shown first. */
const GROUPS = [
  { name: "account", roles: ["user", "officer", "admin"], load: () => import("./pages/account/index.js") },
  { name: "staff", roles: ["officer", "admin"], load: () => import("./pages/staff/index.js") },
  { name: "admin", roles: ["admin"], load: () => import("./pages/admin/index.js") },
];
const PUBLIC = { name: "public", load: () => import("./pages/public/index.js") };

/** Load the page at `address`, with its group's links and its texts. */
async function loadPage(address) {
  const group = GROUPS.find(({ name }) => address.split("/")[2] === name) || PUBLIC;
  if (group.roles && !user.value) return { Page: SignInFirst };
  if (group.roles && !group.roles.includes(user.value.role)) return NOT_FOUND;
  const [{ pages, links }] = await Promise.all([group.load(), loadTexts(group.name)]);
  for (const [pattern, { default: Page, title }] of pages) {
    const params = matchPath(pattern, address);
    if (params) return { Page, title, params, links };
  }
  return NOT_FOUND;
}

const NOT_FOUND = { Page: notFound.default, title: notFound.title };
const LOAD_FAILURE = { Page: () => html`<${Failure} error=${new ApiError(0, {})} onRetry=${() => location.reload()} />`, title: "try-again" };

/** Send a visitor to sign in, and from there back to this address. */
function SignInFirst() {
  const next = encodeURIComponent(path.value + search.value);
  useEffect(() => navigate(`/dashboard/sign-in?next=${next}`, { replace: true }), []);
  return html`<${Skeleton} lines=${6} />`;
}

function App() {
  const shown = useSignal({});
  const address = path.value;
  useEffect(() => {
    loadPage(address).then(
      (page) => {
        if (path.value === address) shown.value = { ...page, address };
      },
      () => (shown.value = { ...LOAD_FAILURE, address }), // offline, or a new release has replaced the modules
    );
  }, [address, user.value?.role]);
  const { Page, title, params, links, address: key } = shown.value;
  useEffect(() => {
    if (title) document.title = `${t(title)} · ${config.value.name}`;
  }, [title, language.value]);
  return html`<${Layout} links=${links}>${Page ? html`<${Page} key=${key} ...${params} />` : html`<${Skeleton} lines=${6} />`}</${Layout}>`;
}

async function start() {
  const texts = setLanguage(preferredLanguage());
  try {
    await Promise.all([loadConfig(), loadUser(), texts]);
    await setLanguage(preferredLanguage(config.value.languages));
    render(html`<${App} />`, document.body);
  } catch (error) {
    await texts.catch(() => {});
    render(html`<main><${Failure} error=${error} onRetry=${() => location.reload()} /></main>`, document.body);
  }
}

start();
