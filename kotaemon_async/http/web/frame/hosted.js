// A view that makes its own nodes, inside a component.

import { html, useLayoutEffect, useRef } from "../vendor/preact.js";

/** Shows the node of `make()`, which gives {node, shown?, moved?, close?}; `moved(rest)` when the place in it changes. */
export function Hosted({ make, rest }) {
  const place = useRef(null);
  const view = useRef(null);
  const wasAt = useRef(rest);
  useLayoutEffect(() => {
    const made = make(rest);
    view.current = made;
    place.current.replaceWith(made.node);
    made.shown?.();
    return () => {
      made.close?.();
      made.node.replaceWith(place.current);
    };
  }, []);
  useLayoutEffect(() => {
    if (String(wasAt.current) === String(rest)) return;
    wasAt.current = rest;
    view.current.moved?.(rest);
  }, [String(rest)]);
  return html`<div ref=${place}></div>`;
}
