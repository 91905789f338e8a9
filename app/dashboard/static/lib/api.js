// Requests to the API: with the cookie session, and errors as values that a form can show.

import { signal } from "../vendor/preact.js";

/** Whether the last request reached the service. */
export const isOnline = signal(navigator.onLine);
addEventListener("online", () => (isOnline.value = true));
addEventListener("offline", () => (isOnline.value = false));

let language = "en";
export const setApiLanguage = (code) => (language = code);

/** An error response of the API, or a request that got none (status 0). */
export class ApiError extends Error {
  /** @param {number} status @param {{error?: string, code?: string, requestId?: string, details?: object[]}} body */
  constructor(status, body, headers) {
    super(body.error || "");
    this.status = status;
    this.code = body.code || (status ? "INTERNAL_ERROR" : "OFFLINE");
    this.requestId = body.requestId;
    this.retryAfter = Number(headers?.get("Retry-After")) || 0;
    /** Messages by path, as "assets.0.amount"; "" is the whole body. */
    this.fields = {};
    for (const { path, message } of body.details || []) this.fields[path.join(".")] ??= message;
  }
}

export const readCookie = (name) =>
  document.cookie.split("; ").find((pair) => pair.startsWith(`${name}=`))?.slice(name.length + 1);

/**
 * Send a request and return its body; throw an ApiError if it fails.
 * @param {string} method
 * @param {string} path below /api
 * @param {{body?: object, query?: object, key?: string, headers?: object, signal?: AbortSignal}} options
 */
export async function request(method, path, options = {}) {
  const response = await send(method, path, options);
  const text = await response.text();
  return text ? JSON.parse(text) : null;
}

/** Send a request and return the response; throw an ApiError if it fails. */
export async function send(method, path, { body, query, key, headers = {}, signal: abort } = {}) {
  const sent = { Accept: "application/json", "Accept-Language": language, ...headers };
  if (body !== undefined) sent["Content-Type"] = "application/json";
  if (key) sent["Idempotency-Key"] = key;
  const csrf = readCookie("csrf-token");
  if (csrf && method !== "GET") sent["X-CSRF-Token"] = decodeURIComponent(csrf);
  const init = { method, headers: sent, signal: abort, credentials: "same-origin" };
  if (body !== undefined) init.body = JSON.stringify(body);
  let response;
  try {
    response = await fetch(`/api${path}${queryString(query)}`, init);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    isOnline.value = false;
    throw new ApiError(0, {});
  }
  isOnline.value = true;
  if (response.ok || response.status === 304) return response;
  throw new ApiError(response.status, await response.json().catch(() => ({})), response.headers);
}

function queryString(query = {}) {
  const pairs = Object.entries(query).filter(([, value]) => value !== "" && value != null);
  return pairs.length ? `?${new URLSearchParams(pairs)}` : "";
}

export const get = (path, query, options) => request("GET", path, { query, ...options });
export const post = (path, body, options) => request("POST", path, { body, ...options });
export const patch = (path, body, options) => request("PATCH", path, { body, ...options });
export const remove = (path, options) => request("DELETE", path, options);

/** Return a key for a form: the same until its content changes, so that a retry is no second effect. */
export function makeIdempotencyKey() {
  let key, content;
  return (body) => {
    const text = JSON.stringify(body);
    if (text !== content) [key, content] = [crypto.randomUUID(), text];
    return key;
  };
}

const pause = (ms, abort) =>
  new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    abort?.addEventListener("abort", () => (clearTimeout(timer), resolve()), { once: true });
  });

/**
 * Read a resource again and again until `isDone(body)`, with its ETag and a growing interval.
 * @param {(body: object) => void} onChange
 */
export async function poll(path, { isDone, onChange, abort, interval = 1000, maximum = 15000 }) {
  let etag, body;
  while (!abort?.aborted) {
    let wait = interval;
    try {
      const response = await send("GET", path, { headers: etag ? { "If-None-Match": etag } : {}, signal: abort });
      if (response.status === 200) {
        etag = response.headers.get("ETag");
        body = await response.json();
        onChange(body);
        if (isDone(body)) return body;
      }
    } catch (error) {
      if (error.name === "AbortError") break;
      if (error.status && error.status < 500 && error.status !== 429) throw error;
      wait = Math.max(wait, error.retryAfter * 1000);
    }
    await pause(wait, abort);
    interval = Math.min(interval * 1.5, maximum);
  }
  return body;
}
