// What a page reads from the API, with the states that it shows: loading, failed, there.

import { useEffect, useSignal } from "../vendor/preact.js";

/**
 * Load with `load(abort)` when the page appears and whenever `keys` change.
 * The last value stays while the next one loads, so that nothing jumps.
 */
export function useResource(load, keys = []) {
  const value = useSignal(null);
  const error = useSignal(null);
  const isLoading = useSignal(true);
  const round = useSignal(0);
  useEffect(() => {
    const controller = new AbortController();
    isLoading.value = true;
    load(controller.signal).then(
      (loaded) => {
        if (controller.signal.aborted) return;
        [value.value, error.value, isLoading.value] = [loaded, null, false];
      },
      (failure) => {
        if (controller.signal.aborted) return;
        [error.value, isLoading.value] = [failure, false];
      },
    );
    return () => controller.abort();
  }, [...keys, round.value]);
  return { value: value.value, error: error.value, isLoading: isLoading.value, reload: () => round.value++ };
}
