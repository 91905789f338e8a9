// A list of the API: its first page, and further ones by the cursor.

import { useEffect, useSignal } from "../vendor/preact.js";
import { get } from "./api.js";
import { useResource } from "./resource.js";

/** Read the list at `path`, filtered by `query`; `more` reads the next page, and is null after the last. */
export function useList(path, query = {}, limit = 20) {
  const keys = [path, JSON.stringify(query)];
  const first = useResource((signal) => get(path, { ...query, limit }, { signal }), keys);
  const further = useSignal([]);
  const failure = useSignal(null);
  useEffect(() => {
    [further.value, failure.value] = [[], null];
  }, [first.value]);
  const pages = first.value ? [first.value, ...further.value] : [];
  const next = pages.at(-1)?.pagination.next;
  const more = async () => {
    try {
      further.value = [...further.value, await get(path, { ...query, limit, after: next })];
    } catch (error) {
      failure.value = error;
    }
  };
  return {
    rows: first.value && pages.flatMap((page) => page.data),
    total: first.value?.pagination.total,
    error: first.error || failure.value,
    isLoading: first.isLoading,
    reload: first.reload,
    more: next ? more : null,
  };
}

/** Read all rows of the list at `path`. */
export async function readAll(path, query, options) {
  const rows = [];
  let after;
  do {
    const { data, pagination } = await get(path, { ...query, limit: 100, after }, options);
    rows.push(...data);
    after = pagination.next;
  } while (after);
  return rows;
}
