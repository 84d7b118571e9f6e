// HTML that the service has cleaned (field `html` of an answer or a page), and no other. What did not change
// keeps its elements: a selection, the focus, a card and a pressed number stay while the text goes on.

import { html, useLayoutEffect, useRef } from "../vendor/preact.js";

/** What the page itself writes onto these elements, and the service never does. */
const OWN = /^(aria-|tabindex$|data-own)/;
/** Text that goes on after the HTML belongs to the last of these. */
const OPEN = new Set(["P", "UL", "OL", "LI", "BLOCKQUOTE", "H1", "H2", "H3", "H4", "H5", "H6"]);

/**
 * Shows cleaned HTML; `tail` is text that came since, `drawn(node)` looks at the elements and may undo it.
 */
export function Trusted({ source, tail = "", drawn = null, about = null, ...given }) {
  const place = useRef(null);
  useLayoutEffect(() => {
    patch(place.current, parsed(source, tail));
    return drawn?.(place.current);
  }, [source, tail, about]);
  return html`<div ref=${place} ...${given}></div>`;
}

function parsed(source, tail) {
  const root = document.createElement("template");
  root.innerHTML = source;
  return withTail(root.content, tail);
}

function withTail(root, tail) {
  if (tail) endOf(root).append(tail);
  root.normalize();
  for (const block of root.children) block.setAttribute("dir", "auto");
  return root;
}

/** Where the text goes on. */
function endOf(root) {
  let last = root;
  while (last.lastElementChild && OPEN.has(last.lastElementChild.tagName)) last = last.lastElementChild;
  if (last !== root) return last;
  const paragraph = document.createElement("p");
  root.append(paragraph);
  return paragraph;
}

/** Makes the children of `node` those of `wanted`, and touches only what differs. */
export function patch(node, wanted) {
  const old = [...node.childNodes];
  const fresh = [...wanted.childNodes];
  fresh.forEach((one, at) => {
    const there = old[at];
    if (!there) node.append(one);
    else if (!become(there, one)) there.replaceWith(one);
  });
  for (const one of old.slice(fresh.length)) one.remove();
}

/** Whether an element or a text could be made the other one. */
function become(node, wanted) {
  if (node.nodeName !== wanted.nodeName) return false;
  if (node.nodeType === Node.TEXT_NODE) write(node, wanted.data);
  if (node.nodeType !== Node.ELEMENT_NODE) return true;
  for (const { name } of [...node.attributes]) {
    if (!OWN.test(name) && !wanted.hasAttribute(name)) node.removeAttribute(name);
  }
  for (const { name, value } of wanted.attributes) {
    if (node.getAttribute(name) !== value) node.setAttribute(name, value);
  }
  patch(node, wanted);
  return true;
}

/** Changes the part of a text that differs: what is selected before it stays selected. */
function write(node, data) {
  const { data: old } = node;
  if (old === data) return;
  let same = 0;
  while (same < old.length && same < data.length && old[same] === data[same]) same += 1;
  if (same === old.length) node.appendData(data.slice(same));
  else node.replaceData(same, old.length - same, data.slice(same));
}
