// Who is signed in, and what the service is: both are read once, before the first page.

import { signal } from "../vendor/preact.js";
import { get, post } from "./api.js";
import { storeDraft } from "./storage.js";

/** The signed-in user, or null. */
export const user = signal(null);
/** The service's name, currencies and languages (`GET /config`). */
export const config = signal(null);

export async function loadConfig() {
  config.value = await get("/config");
}

const DRAFTS = ["zakat", "financing"]; // what the next user of the browser must not see

const hasSession = () => document.cookie.includes("csrf-token=");

/** Read the user of the cookie session, if there is one. */
export async function loadUser() {
  try {
    user.value = hasSession() ? await get("/auth/me") : null;
  } catch {
    user.value = null;
  }
}

export async function signIn(credentials) {
  user.value = (await post("/auth/login", credentials)).user;
}

/** Register an account, then sign in with it for the cookie, which registering does not set. */
export async function register(account) {
  await post("/auth/register", account);
  await signIn({ email: account.email, password: account.password });
}

export async function signOut() {
  await post("/auth/logout");
  for (const name of DRAFTS) storeDraft(name, null);
  user.value = null;
}
