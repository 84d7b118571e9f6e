// Elements made from data. Text is always text: nothing here parses HTML, except `trusted`, which shows what the
// server has cleaned.

/** An element: h("a", {href, class, onclick, "aria-label"}, ...children). A null or false child is left out. */
export function h(tag, given = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(given)) set(node, name, value);
  node.append(...children.flat(2).filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

/** Sets an attribute, a listener (onclick), a property of the style ({width: "4%"}) or of the data set. */
export function set(node, name, value) {
  if (value === null || value === undefined || value === false) node.removeAttribute(name);
  else if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
  else if (name === "style") Object.assign(node.style, value); // by CSSOM: a style attribute would break the policy
  else if (name === "dataset") Object.assign(node.dataset, value);
  else if (name === "value" || name === "checked" || name === "indeterminate") node[name] = value;
  else node.setAttribute(name, value === true ? "" : String(value));
}

/** The node with these children instead of its own. */
export function fill(node, ...children) {
  node.replaceChildren(...children.flat(2).filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

/** Shows HTML that the server has cleaned (field `html` of an answer), and no other. */
export function trusted(node, html) {
  node.innerHTML = html;
  return node;
}

/** An SVG element; the same as h() otherwise. */
export function svg(tag, given = {}, ...children) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(given)) node.setAttribute(name, String(value));
  node.append(...children);
  return node;
}

/** An icon of the set below, hidden from screen readers: the words beside it say what it means. */
export function icon(name) {
  const path = svg("path", { d: ICONS[name] });
  return svg("svg", { class: "icon", viewBox: "0 0 20 20", "aria-hidden": "true", focusable: "false" }, path);
}

const ICONS = {
  ask: "M3 4.500h14v9H9l-4 3v-3H3z",
  documents: "M5 2.500h7l3 3v12H5zM12 2.500v3h3M7.500 9h5M7.500 12h5",
  system: "M2.500 10h3l2-5 4 10 2-5h4",
  plus: "M10 4v12M4 10h12",
  close: "M5 5l10 10M15 5L5 15",
  previous: "M12 4l-6 6 6 6",
  next: "M8 4l6 6-6 6",
  copy: "M7 7h9v9H7zM4 13V4h9",
  again: "M15.500 6.500A6.500 6.500 0 1 0 16.500 10M16 3v4h-4",
  stop: "M6 6h8v8H6z",
  edit: "M4 16l.8-3.500L13 4.300l2.700 2.700-8.200 8.200zM11.500 5.800l2.700 2.700",
  more: "M5 10h.01M10 10h.01M15 10h.01",
  upload: "M10 13V4M6 7.500L10 3.500l4 4M4 13v3.500h12V13",
  search: "M9 15A6 6 0 1 0 9 3a6 6 0 0 0 0 12zM13.500 13.500L17 17",
  check: "M4 10.500l4 4 8-9",
  open: "M11 4h5v5M16 4l-7 7M13 11v5H4V7h5",
  trash: "M4 6h12M8 6V4h4v2M6 6l.7 10.500h6.600L14 6",
  down: "M5 8l5 5 5-5",
  sun: "M10 6.500a3.500 3.500 0 1 0 0 7 3.500 3.500 0 0 0 0-7zM10 2v2M10 16v2M2 10h2M16 10h2M4.500 4.500l1.400 1.400M14.100 14.100l1.400 1.400M15.500 4.500l-1.400 1.400M5.900 14.100l-1.400 1.400",
  moon: "M16 12.500A7 7 0 0 1 7.500 4 6.500 6.500 0 1 0 16 12.500z",
  path: "M4 4h4M4 4v11h4M4 9.500h4M11 4h5M11 9.500h5M11 15h5",
  larger: "M9 15A6 6 0 1 0 9 3a6 6 0 0 0 0 12zM13.500 13.500L17 17M6.500 9h5M9 6.500v5",
  smaller: "M9 15A6 6 0 1 0 9 3a6 6 0 0 0 0 12zM13.500 13.500L17 17M6.500 9h5",
  list: "M4 5.500h12M4 10h12M4 14.500h8",
  save: "M10 3.500v9M6.500 9.500L10 13l3.500-3.500M4 13.500v3h12v-3",
  scope: "M3 5h14M6 10h8M8.500 15h3",
  send: "M10 16V4M5 9l5-5 5 5",
  person: "M10 10a3.500 3.500 0 1 0 0-7 3.500 3.500 0 0 0 0 7zM3.500 17a6.500 6.500 0 0 1 13 0",
  leave: "M8 4H4v12h4M8.500 10h8M13.500 7l3 3-3 3",
  share: "M14.500 3a2.200 2.200 0 1 0 0 4.400 2.200 2.200 0 0 0 0-4.400zM5.500 7.800a2.200 2.200 0 1 0 0 4.400 2.200 2.200 0 0 0 0-4.400zM14.500 12.600a2.200 2.200 0 1 0 0 4.400 2.200 2.200 0 0 0 0-4.400zM7.500 9l5-2.700M7.500 11l5 2.700",
  key: "M12.500 3.500a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM9.600 10.400L3.500 16.500M5.500 14.500l2 2",
};
