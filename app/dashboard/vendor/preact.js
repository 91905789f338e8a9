// The modules of Preact that the pages use, as one module.
import htm from "htm";
import { h } from "preact";

export { Fragment, h, render } from "preact";
export { useEffect, useId, useLayoutEffect, useMemo, useRef } from "preact/hooks";
export { batch, computed, effect, signal, useComputed, useSignal, useSignalEffect } from "@preact/signals";
export const html = htm.bind(h);
