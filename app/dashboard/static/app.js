// Start the client: read the service's settings, the user and the texts, then show the page.

import { html, render, useEffect, useSignal } from "./vendor/preact.js";
import { Layout } from "./components/layout.js";
import { Failure, Skeleton } from "./components/states.js";
import { ApiError } from "./lib/api.js";
import { language, preferredLanguage, setLanguage, t } from "./lib/i18n.js";
import { matchPath, path } from "./lib/router.js";
import { config, loadConfig, loadUser } from "./lib/session.js";

/** The pages by address. A page is a module that is loaded when it is shown first. */
const PAGES = [
  ["/dashboard", () => import("./pages/projects.js")],
  ["/dashboard/projects/:id", () => import("./pages/project.js")],
  ["/dashboard/zakat", () => import("./pages/zakat.js")],
  ["/dashboard/murabaha", () => import("./pages/murabaha.js")],
  ["/dashboard/sign-in", () => import("./pages/sign-in.js")],
  ["/dashboard/register", () => import("./pages/register.js")],
  ["/dashboard/forgot-password", () => import("./pages/forgot-password.js")],
  ["/reset-password", () => import("./pages/reset-password.js")],
  ["/confirm-email", () => import("./pages/confirm-email.js")],
];
const NOT_FOUND = [{}, () => import("./pages/not-found.js")];

function findPage(address) {
  for (const [pattern, load] of PAGES) {
    const params = matchPath(pattern, address);
    if (params) return [params, load];
  }
  return NOT_FOUND;
}

const LoadFailure = () => html`<${Failure} error=${new ApiError(0, {})} onRetry=${() => location.reload()} />`;

function App() {
  const shown = useSignal(null);
  const address = path.value;
  useEffect(() => {
    const [params, load] = findPage(address);
    load().then(
      (module) => {
        if (path.value === address) shown.value = { address, params, Page: module.default, title: module.title };
      },
      () => (shown.value = { address, params: {}, Page: LoadFailure, title: "try-again" }), // offline, or a new release has replaced the modules
    );
  }, [address]);
  useEffect(() => {
    if (shown.value) document.title = `${t(shown.value.title)} · ${config.value.name}`;
  }, [shown.value, language.value]);
  const { Page, params, address: key } = shown.value || {};
  return html`<${Layout}>${Page ? html`<${Page} key=${key} ...${params} />` : html`<${Skeleton} lines=${6} />`}</${Layout}>`;
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
