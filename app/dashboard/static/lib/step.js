// Steps that must not happen twice.

import { useRef } from "../vendor/preact.js";
import { makeIdempotencyKey, post } from "./api.js";

/** Whether the request has an answer for good: one more try is another request then. */
const isFinal = ({ status, code }) => status && status < 500 && status !== 429 && code !== "IDEMPOTENCY_IN_PROGRESS";

/** Return `send(path, body)`, which posts with a key that stays the same until there is an answer. */
export function useStep() {
  const keyOf = useRef(makeIdempotencyKey());
  return async (path, body = {}) => {
    try {
      const answer = await post(path, body, { key: keyOf.current([path, body]) });
      keyOf.current = makeIdempotencyKey();
      return answer;
    } catch (error) {
      if (isFinal(error)) keyOf.current = makeIdempotencyKey();
      throw error;
    }
  };
}
