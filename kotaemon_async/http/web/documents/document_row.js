// One row of the list. It is made once and shows one document after the other as the list scrolls.

import { foreignOwner, mayChange } from "./collections.js";
import { h, icon, set } from "../frame/dom.js";
import { ago, bytes, count } from "../frame/format.js";
import { stateOf } from "./document_status.js";
import { warned } from "./document_warnings.js";
import { t } from "../frame/strings.js";

/** {node, show(document, place, flags)}; what is asked of a row goes through events at the list, by data-do. */
export function documentRow() {
  const pick = h("input", { type: "checkbox", tabindex: -1, dataset: { do: "pick" } });
  const name = h("bdi", {});
  const size = h("span", { class: "size" });
  const age = h("span", {});
  const folder = h("bdi", { class: "folder" });
  const nameCell = h(
    "div",
    { role: "gridcell", class: "name" },
    h("div", { class: "title" }, name),
    h("small", {}, size, age, folder),
  );
  const badge = h("span", {});
  const bar = h("i", {});
  const track = h("div", { class: "bar" }, bar);
  const under = h("small", {});
  const retry = h(
    "button",
    { class: "quiet", type: "button", tabindex: -1, dataset: { do: "retry" } },
    icon("again"),
    t("documents.retry"),
  );
  const warnings = h("button", {
    class: "warned",
    type: "button",
    tabindex: -1,
    dataset: { do: "warnings" },
    hidden: true,
  });
  const state = h(
    "div",
    { role: "gridcell", class: "state" },
    h("div", { class: "line" }, badge, warnings, retry),
    track,
    under,
  );
  const pages = h("div", { role: "gridcell", class: "n" });
  const place = h("bdi", {});
  const owner = h("small", {});
  const placeCell = h("div", { role: "gridcell", class: "place" }, place, owner);
  const more = h("button", {
    class: "quiet",
    type: "button",
    tabindex: -1,
    "aria-haspopup": "menu",
    dataset: { do: "menu" },
  }, icon("more"));
  const node = h(
    "div",
    { role: "row", class: "row" },
    h("div", { role: "gridcell", class: "pick" }, pick),
    nameCell,
    state,
    pages,
    placeCell,
    h("div", { role: "gridcell", class: "acts" }, more),
  );

  /** Text is only written where it differs: most rows stay as they are. */
  const write = (target, text) => target.textContent === text || (target.textContent = text);
  const show = (one, index, { isSelected, isActive, isBusy }) => {
    const told = stateOf(one);
    if (node.dataset.document !== one.id) {
      node.dataset.document = one.id;
      node.id = `row-${one.id}`;
    }
    if (name.textContent !== one.name) {
      name.textContent = one.name;
      set(pick, "aria-label", t("documents.pick", { name: one.name }));
      set(more, "aria-label", t("documents.actions", { name: one.name }));
    }
    const path = one.path || one.name;
    if (nameCell.title !== path) nameCell.title = path;
    const above = path.split("/").slice(0, -1).join("/");
    write(folder, above && ` · ${above}`);
    set(node, "aria-rowindex", index + 2);
    set(node, "aria-selected", String(isSelected));
    node.classList.toggle("active", isActive);
    node.classList.toggle("busy", isBusy);
    node.dataset.status = one.status;
    pick.checked = isSelected;
    write(size, `${bytes(one.size_bytes)} · `);
    write(age, ago(one.created_at));
    write(badge, told.words);
    badge.className = told.kind === "work" ? "words" : `badge ${told.kind}`;
    write(under, told.under);
    write(warnings, warned(one));
    warnings.hidden = !warnings.textContent;
    const title = [told.words, told.under, told.title].filter(Boolean).join("\n");
    if (state.title !== title) state.title = title;
    track.hidden = told.part === null || one.status !== "processing";
    if (told.part !== null) bar.style.width = `${Math.round(told.part * 1000) / 10}%`;
    retry.hidden = (one.status !== "failed" && one.status !== "cancelled") || !mayChange(one);
    const total = one.progress.pages_total;
    write(pages, total ? count(total) : "–");
    write(place, one.collection);
    const of = foreignOwner(one.collection);
    write(owner, of && t("share.of", { owner: of }));
    if (placeCell.title !== one.collection) placeCell.title = one.collection;
  };
  return { node, show };
}

/** A row while nothing is known yet. */
export function placeholderRow() {
  const cell = (name, width) =>
    h("div", { role: "gridcell", class: name }, h("div", { class: "wait", style: { width } }));
  return h(
    "div",
    { role: "row", class: "row placeholder" },
    cell("pick", "18px"),
    cell("name", "62%"),
    cell("state", "44%"),
    cell("n", "24px"),
    cell("place", "60%"),
    cell("acts", "18px"),
  );
}
