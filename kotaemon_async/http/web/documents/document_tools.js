// What stands above the list: search and filters, or what can be done with those that are selected.

import { hasStatus, STATUSES } from "../ask/document_choice.js";
import { fill, h, icon, set } from "../frame/dom.js";
import { count } from "../frame/format.js";
import { t } from "../frame/strings.js";

/** {node, show(documents, isDense, isAway)}: search and filters, `change()` after each of them; density. */
export function filters(choice, change, turnDensity) {
  const chosen = (changes) => (choice.set(changes), change());
  const search = h("input", {
    class: "field",
    id: "document-search",
    type: "search",
    value: choice.words,
    placeholder: t("documents.search"),
    "aria-label": t("documents.search"),
    autocomplete: "off",
    spellcheck: "false",
    oninput: () => chosen({ words: search.value }),
  });
  const collection = select("documents.collection", (value) => chosen({ collection: value }));
  const status = select("documents.status", (value) => chosen({ status: value }));
  const density = h(
    "button",
    { class: "quiet density", type: "button", onclick: turnDensity },
    t("documents.dense"),
  );
  const note = h(
    "span",
    { class: "small note", title: t("documents.away"), hidden: true },
    t("documents.away"),
  );
  const node = h(
    "div",
    { class: "tools", role: "search" },
    h("label", { class: "searching" }, icon("search"), search),
    collection,
    status,
    note,
    density,
  );
  const show = (documents, isDense, isAway) => {
    options(collection, collectionOptions(documents, choice.collection), choice.collection);
    options(status, statusOptions(documents), choice.status);
    if (search.value !== choice.words) search.value = choice.words;
    note.hidden = !isAway;
    set(density, "aria-pressed", String(isDense));
  };
  return { node, show };
}

function select(name, change) {
  return h("select", {
    class: "field",
    "aria-label": t(name),
    onchange: (event) => change(event.target.value),
  });
}

/** Only written anew when they differ: an open list of options would close. */
function options(node, wanted, value) {
  const key = JSON.stringify(wanted);
  if (node.dataset.key !== key) {
    node.dataset.key = key;
    fill(node, wanted.map(([name, words]) => h("option", { value: name }, words)));
  }
  if (node.value !== value) node.value = value;
}

function collectionOptions(documents, value) {
  const numbers = new Map(value ? [[value, 0]] : []);
  for (const one of documents) numbers.set(one.collection, (numbers.get(one.collection) ?? 0) + 1);
  const named = [...numbers.keys()].sort().map((name) => [name, `${name} (${count(numbers.get(name))})`]);
  return [["", t("documents.all_collections")], ...named];
}

function statusOptions(documents) {
  const number = (status) => documents.filter((one) => hasStatus(one, status)).length;
  return [
    ["", t("documents.all_statuses")],
    ...STATUSES.map((one) => [one, `${t(`documents.status.${one}`)} (${count(number(one))})`]),
  ];
}

/** {node, show(number, offered)}: what can be done with the selected ones; `acts` and `offered` by their names. */
export function selectionBar(acts) {
  const words = h("b", {});
  const button = (name, sign, isBad) =>
    h(
      "button",
      {
        class: isBad ? "plain bad" : "plain",
        type: "button",
        dataset: { do: name },
        "aria-label": t(`documents.${name}`),
        onclick: () => acts[name](),
      },
      icon(sign),
      h("span", {}, t(`documents.${name}`)),
    );
  const buttons = {
    ask: button("ask", "ask"),
    retry: button("retry", "again"),
    move: button("move", "open"),
    delete: button("delete", "trash", true),
  };
  const clear = h("button", {
    class: "quiet",
    type: "button",
    "aria-label": t("documents.clear"),
    title: t("documents.clear"),
    onclick: () => acts.clear(),
  }, icon("close"));
  const node = h(
    "div",
    { class: "tools chosen", role: "toolbar", "aria-label": t("documents.chosen.label"), hidden: true },
    clear,
    words,
    h("span", { class: "space" }),
    Object.values(buttons),
  );
  const show = (n, offered) => {
    node.hidden = n === 0;
    words.textContent = t("documents.chosen", { n, count: count(n) });
    for (const [name, node] of Object.entries(buttons)) node.hidden = !offered[name];
  };
  return { node, show };
}

/** The row of titles: it sorts, and selects all. {node, show(choice, shown, selection)} */
export function listHead(choice, change, pickAll) {
  const all = h("input", {
    type: "checkbox",
    id: "pick-all",
    "aria-label": t("documents.pick_all"),
    onchange: () => pickAll(all.checked),
  });
  const title = (sort, name) => {
    const button = h(
      "button",
      { class: "quiet", type: "button", dataset: { sort }, onclick: () => (choice.sortBy(sort), change()) },
      t(`documents.by.${sort}`),
      icon("down"),
    );
    return { sort, button, cell: h("div", { role: "columnheader", class: name }, button) };
  };
  const [name, date, size, status, pages, collection] = [
    title("name", "name"),
    title("date", ""),
    title("size", ""),
    title("status", "state"),
    title("pages", "n"),
    title("collection", "place"),
  ];
  // Date and size stand under the name; their titles stand beside its own.
  name.cell.append(date.button, size.button);
  const cells = [name.cell, status.cell, pages.cell, collection.cell];
  const titles = [name, date, size, status, pages, collection];
  const node = h(
    "div",
    { role: "row", class: "row", "aria-rowindex": 1 },
    h("div", { role: "columnheader", class: "pick" }, all),
    cells,
    h(
      "div",
      { role: "columnheader", class: "acts" },
      h("span", { class: "hidden-words" }, t("documents.actions.title")),
    ),
  );
  const show = (shown, selection) => {
    const number = shown.filter((one) => selection.has(one.id)).length;
    all.checked = number > 0 && number === shown.length;
    all.indeterminate = number > 0 && number < shown.length;
    for (const one of titles) {
      set(one.button, "data-way", one.sort === choice.sort && (choice.isUp ? "up" : "down"));
    }
    const way = choice.isUp ? "ascending" : "descending";
    for (const cell of cells) set(cell, "aria-sort", cell.querySelector("[data-way]") ? way : "none");
  };
  return { node, show };
}
