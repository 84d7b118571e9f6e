// State that more than one component looks at.

import { useEffect, useState } from "../vendor/preact.js";

/** A store: get(), set(changed fields, or a function that gives them), subscribe(listener) -> end. */
export function store(initial) {
  let state = initial;
  const listeners = new Set();
  return {
    get: () => state,
    set(change) {
      state = { ...state, ...(typeof change === "function" ? change(state) : change) };
      for (const listener of [...listeners]) listener(state);
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

/** What `pick` takes of a store; the component is drawn anew only when that is another value. */
export function useStore(from, pick = (state) => state) {
  const [value, setValue] = useState(() => pick(from.get()));
  useEffect(() => {
    const look = () => setValue(() => pick(from.get()));
    look(); // it may have changed before this ran
    return from.subscribe(look);
  }, [from]);
  return value;
}
