// The list: however many documents there are, only the rows in sight exist. The list itself has the focus and says
// which row is the active one, so that rows may come and go under it.

import { documentRow, placeholderRow } from "./document_row.js";
import { h } from "../frame/dom.js";

const ROW_PX = { roomy: 64, dense: 40, phone: 72 };
const BEYOND = 6;
const LONG_PRESS_MS = 500;
const PLACEHOLDERS = 8;
const phone = matchMedia("(max-width: 700px)");

/** `hear(what, document, anchor)` gets pick, reach, menu, retry, warnings, delete, all, clear, and resized. */
export class DocumentRows {
  #rows = [];
  #ordered = [];
  #first = 0;
  #rowPx = ROW_PX.roomy;
  #heightPx = 600;
  #active = { id: null, place: -1 };
  #isWaiting = false;
  #hold = { timer: 0, wasLong: false };

  constructor({ label, head, selection, busy, hear }) {
    Object.assign(this, { selection, busy, hear });
    this.body = h("div", { role: "rowgroup", class: "rows-body" });
    this.node = h(
      "div",
      {
        role: "grid",
        class: "rows",
        tabindex: 0,
        id: "document-rows",
        "aria-label": label,
        "aria-multiselectable": "true",
      },
      h("div", { role: "rowgroup", class: "rows-head" }, head),
      this.body,
    );
    this.watcher = new ResizeObserver(([{ contentRect }]) => {
      this.#heightPx = contentRect.height || this.#heightPx;
      hear("resized");
    });
    this.watcher.observe(this.node);
    this.#listen();
  }

  close() {
    this.watcher.disconnect();
  }

  /** Shows these documents, or placeholders while none is known yet. */
  show(documents, isDense, isWaiting) {
    this.#ordered = documents;
    this.#rowPx = phone.matches ? ROW_PX.phone : isDense ? ROW_PX.dense : ROW_PX.roomy;
    this.node.classList.toggle("dense", isDense && !phone.matches);
    this.node.style.setProperty("--row", `${this.#rowPx}px`);
    this.node.setAttribute("aria-rowcount", isWaiting ? -1 : documents.length + 1);
    this.node.setAttribute("aria-busy", String(isWaiting));
    if (isWaiting !== this.#isWaiting) {
      this.#isWaiting = isWaiting;
      this.body.replaceChildren(...(isWaiting ? Array.from({ length: PLACEHOLDERS }, placeholderRow) : []));
      this.#rows.length = 0;
    }
    this.body.style.height = `${(isWaiting ? PLACEHOLDERS : documents.length) * this.#rowPx}px`;
    this.#findActive();
    if (!isWaiting) this.#draw(true);
  }

  /** Makes a row the active one and brings it into sight. */
  reveal(id) {
    const place = this.#placeOf(id);
    if (place < 0) return;
    this.#active = { id, place };
    const [top, headPx] = [place * this.#rowPx, this.body.offsetTop];
    if (top < this.node.scrollTop) this.node.scrollTop = top;
    const lowest = top + this.#rowPx - this.#heightPx + headPx;
    if (lowest > this.node.scrollTop) this.node.scrollTop = lowest;
    this.#draw(true);
  }

  /** When the active one is gone, the one that took its place is. */
  #findActive() {
    const { id, place } = this.#active;
    if (id === null) return;
    const found = this.#placeOf(id);
    const next = found >= 0 ? found : Math.min(place, this.#ordered.length - 1);
    this.#active = { id: this.#ordered[next]?.id ?? null, place: next };
  }

  /** Shows the rows in sight. Rows that left it at one end show what comes in at the other. */
  #draw(isAll) {
    const most = Math.ceil(this.#heightPx / this.#rowPx) + 2 * BEYOND;
    const from = Math.max(
      0,
      Math.min(Math.floor(this.node.scrollTop / this.#rowPx) - BEYOND, this.#ordered.length - most),
    );
    const number = Math.min(most, this.#ordered.length - from);
    const steps = from - this.#first;
    const isSame = this.#rows.length === number;
    if (!isAll && isSame && steps === 0) return;
    const isNear = !isAll && isSame && Math.abs(steps) < number;
    this.#turn(number, isNear ? steps : 0);
    this.#first = from;
    this.#rows.forEach((row, place) => {
      const isFresh = steps > 0 ? place >= number - steps : place < -steps;
      if (!isNear || isFresh) this.#showRow(row, from + place);
    });
    const isThere = this.#active.place >= from && this.#active.place < from + number;
    if (isThere) this.node.setAttribute("aria-activedescendant", `row-${this.#active.id}`);
    else this.node.removeAttribute("aria-activedescendant");
  }

  /** So many rows; those of one end stand at the other one after `steps` rows of scrolling. */
  #turn(number, steps) {
    const rows = this.#rows;
    while (rows.length > number) rows.pop().node.remove();
    while (rows.length < number) {
      rows.push(documentRow());
      this.body.append(rows.at(-1).node);
    }
    const moved = steps > 0 ? rows.splice(0, steps) : rows.splice(rows.length + steps);
    if (steps > 0) rows.push(...moved);
    else rows.unshift(...moved);
    const nodes = moved.map((row) => row.node);
    if (steps > 0) this.body.append(...nodes);
    else if (steps < 0) this.body.prepend(...nodes);
  }

  #showRow(row, place) {
    const one = this.#ordered[place];
    row.show(one, place, {
      isSelected: this.selection.has(one.id),
      isActive: one.id === this.#active.id,
      isBusy: this.busy.has(one.id),
    });
    row.node.style.transform = `translateY(${place * this.#rowPx}px)`;
  }

  #placeOf(id) {
    return this.#ordered.findIndex((one) => one.id === id);
  }

  #listen() {
    this.node.addEventListener(
      "keydown",
      (event) =>
        event.target === this.node && this.#ordered.length && this.#key(event) && event.preventDefault(),
    );
    this.node.addEventListener("click", (event) => this.#click(event));
    this.node.addEventListener("scroll", () => this.#isWaiting || this.#draw(false), { passive: true });
    // The focus stays with the list: a row under a focused button may show another document a moment later.
    this.body.addEventListener(
      "mousedown",
      (event) => (event.preventDefault(), this.node.focus({ preventScroll: true })),
    );
    this.body.addEventListener(
      "contextmenu",
      (event) => event.pointerType === "touch" && event.preventDefault(),
    );
    this.body.addEventListener("pointerdown", (event) => this.#press(event));
    for (const over of ["pointerup", "pointercancel"]) {
      this.body.addEventListener(over, () => clearTimeout(this.#hold.timer));
    }
  }

  /** Whether the key means something here. */
  #key({ key, shiftKey, ctrlKey, metaKey }) {
    const { place } = this.#active;
    const [last, page] = [
      this.#ordered.length - 1,
      Math.max(1, Math.floor(this.#heightPx / this.#rowPx) - 1),
    ];
    const moves = {
      ArrowDown: place + 1,
      ArrowUp: place - 1,
      PageDown: place + page,
      PageUp: place - page,
      Home: 0,
      End: last,
    };
    const active = this.#ordered[place];
    if (key in moves) {
      const next = this.#ordered[Math.max(0, Math.min(moves[key], last))];
      if (shiftKey && active) {
        if (!this.selection.size) this.hear("pick", active);
        this.hear("reach", next);
      }
      this.reveal(next.id);
    } else if (key === "a" && (ctrlKey || metaKey)) this.hear("all");
    else if (key === "Escape" && this.selection.size) this.hear("clear");
    else if (key === "Delete" && (active || this.selection.size)) this.hear("delete", active);
    else if (key === " " && active) this.hear("pick", active);
    else if ((key === "Enter" || key === "ContextMenu") && active) this.#menu(active);
    else return false;
    return true;
  }

  #menu(one) {
    this.reveal(one.id);
    const row = this.#rows.find(({ node }) => node.dataset.document === one.id)?.node;
    this.hear("menu", one, row?.querySelector('[data-do="menu"]') ?? this.node);
  }

  #click(event) {
    const id = event.target.closest(".row[data-document]")?.dataset.document;
    const place = this.#placeOf(id);
    if (place < 0 || this.#hold.wasLong) return;
    const one = this.#ordered[place];
    const what = event.target.closest("[data-do]")?.dataset.do;
    this.#active = { id, place };
    if (what === "menu") this.#menu(one);
    else if (what === "retry" || what === "warnings") this.hear(what, one);
    else if (event.shiftKey) this.hear("reach", one);
    else if (event.target.closest(".pick") || (phone.matches && this.selection.size)) this.hear("pick", one);
    this.#draw(true);
  }

  /** A press that lasts selects, as on phones; what follows it is no click. */
  #press(event) {
    clearTimeout(this.#hold.timer);
    this.#hold = { timer: 0, wasLong: false };
    const id = event.target.closest(".row[data-document]")?.dataset.document;
    if (event.pointerType !== "touch" || !id) return;
    this.#hold.timer = setTimeout(() => {
      this.#hold.wasLong = true;
      const one = this.#ordered[this.#placeOf(id)];
      if (one) this.hear("pick", one);
    }, LONG_PRESS_MS);
  }
}
