// Files of the API: downloads whose errors a form can show, and uploads with their progress.

import { ApiError, readCookie, send } from "./api.js";
import { language } from "./i18n.js";

/** Save the document at `path` in the page's language; throw an ApiError if there is none. */
export async function download(path, query) {
  const response = await send("GET", path, { query: { ...query, lang: language.value }, headers: { Accept: "*/*" } });
  const link = document.createElement("a");
  link.href = URL.createObjectURL(await response.blob());
  link.download = /filename="?([^";]+)/.exec(response.headers.get("Content-Disposition"))?.[1] || "document";
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}

/** Upload `file` and return its record; `onProgress` gets the sent fraction. */
export function upload(file, key, onProgress) {
  const body = new FormData();
  body.append("file", file);
  const request = new XMLHttpRequest();
  request.open("POST", "/api/upload");
  const headers = { Accept: "application/json", "Accept-Language": language.value, "Idempotency-Key": key, "X-CSRF-Token": readCookie("csrf-token") };
  for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
  request.responseType = "json";
  return new Promise((resolve, reject) => {
    request.upload.onprogress = ({ loaded, total }) => onProgress(loaded / total);
    request.onload = () => (request.status < 300 ? resolve(request.response) : reject(new ApiError(request.status, request.response || {})));
    request.onerror = () => reject(new ApiError(0, {}));
    request.send(body);
  });
}
