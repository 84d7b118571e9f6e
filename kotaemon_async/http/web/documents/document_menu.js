// A menu beside a row: arrows move, Enter chooses, Escape goes back.

import { h, icon } from "../frame/dom.js";

const EDGE_PX = 8;
let end = () => {};

/**
 * Opens a menu of {icon, words, act, isBad} beside `anchor`, under what it is about (`about`: nodes), so that a name
 * or a hint that is cut in the row can be read; `back()` is called when it closes without a choice.
 */
export function openMenu(anchor, { label, about, entries, back }) {
  end();
  const items = entries.map((entry) =>
    h(
      "button",
      {
        role: "menuitem",
        type: "button",
        tabindex: -1,
        class: entry.isBad ? "bad" : null,
        onclick: () => (close(), entry.act()),
      },
      icon(entry.icon),
      entry.words,
    )
  );
  const node = h(
    "div",
    { class: "row-menu", onkeydown: keys },
    h("p", {}, about),
    h("div", { role: "menu", "aria-label": label }, items),
  );
  document.getElementById("main").append(node);
  const { width, height } = node.getBoundingClientRect();
  const place = anchor.getBoundingClientRect();
  const below = place.bottom + height + EDGE_PX < innerHeight;
  node.style.left = `${Math.max(EDGE_PX, Math.min(place.right - width, innerWidth - width - EDGE_PX))}px`;
  node.style.top = `${Math.max(EDGE_PX, below ? place.bottom : place.top - height)}px`;
  items[0].focus();

  function keys(event) {
    const place = items.indexOf(document.activeElement);
    const moves = { ArrowDown: place + 1, ArrowUp: place - 1, Home: 0, End: -1 };
    if (event.key in moves) items.at(moves[event.key] % items.length).focus();
    else if (event.key === "Escape" || event.key === "Tab") (close(), back());
    else return;
    event.preventDefault();
    event.stopPropagation();
  }
  const outside = (event) => !node.contains(event.target) && close();
  const close = () => {
    node.remove();
    document.removeEventListener("pointerdown", outside, true);
    document.removeEventListener("wheel", outside, true);
    window.removeEventListener("resize", close);
    window.removeEventListener("hashchange", close);
    end = () => {};
  };
  end = close;
  document.addEventListener("pointerdown", outside, true);
  document.addEventListener("wheel", outside, true);
  window.addEventListener("resize", close);
  window.addEventListener("hashchange", close);
}
