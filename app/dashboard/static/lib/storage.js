// What the browser keeps: settings for good, drafts until the tab is closed. Storage may be denied.

export function readSetting(name, area = "localStorage") {
  try {
    return window[area].getItem(name);
  } catch {
    return null;
  }
}

/** Keep `value`, or forget it if it is empty; where storage is denied it holds for this page only. */
export function storeSetting(name, value, area = "localStorage") {
  try {
    if (value) window[area].setItem(name, value);
    else window[area].removeItem(name);
  } catch {
    // Nothing to do: the page has the value.
  }
}

export const readDraft = (name) => JSON.parse(readSetting(name, "sessionStorage") || "{}");
export const storeDraft = (name, values) => storeSetting(name, values && JSON.stringify(values), "sessionStorage");
