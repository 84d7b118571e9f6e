// What stands where the conversation will be: questions that can be asked here, what the documents say, or
// what to do first.

import { collections, isUnfinished } from "../documents/library.js";
import { may } from "../frame/access.js";
import { call } from "../frame/api.js";
import { follow, whileSeen } from "../frame/feed.js";
import { health } from "../frame/health.js";
import { count, language, t } from "../frame/language.js";
import { href } from "../frame/router.js";
import { Icon, useStore } from "../frame/ui.js";
import { html, useEffect, useReducer, useRef, useState } from "../vendor/preact.js";
import { noteName } from "./scope.js";

const QUESTIONS = 4;
const NAMED = 3;
/** Several documents that become ready together are one change; what can be asked of them follows later. */
const SETTLES_MS = [400, 3_000, 12_000];

/** The start of a conversation about a scope. */
export function Start({ scope, choose, ask }) {
  const changes = useChanges();
  const known = useKnown(changes);
  const { questions, points } = useTaught(scope, changes);
  const isAll = !scope.collection && scope.document_ids.length === 0;
  if (known === null) {
    return html`
      <div class="empty-ask">
        <h3>${t("empty.title")}</h3>
        <div class="wait"></div>
      </div>
    `;
  }
  if (known.total === 0) {
    return html`
      <div class="empty-ask">
        <${NothingYet} />
      </div>
    `;
  }
  const ready = known.documents.filter((one) => one.status === "ready").slice(0, NAMED);
  return html`
    <div class="empty-ask">
      <h3>${t("empty.title")}</h3>
      <p>${t(known.ready > 0 ? "empty.text" : "empty.unready")}</p>
      ${points.length > 0 && html`<${Points} points=${points} documentId=${scope.document_ids[0]} />`}
      ${questions.length > 0 && html`<${Questions} questions=${questions} ask=${ask} />`}
      ${known.reading > 0 &&
        html`<p class="small">${t("empty.reading", { n: known.reading, count: count(known.reading) })}</p>`}
      ${isAll && ready.length > 0 && html`<${Few} documents=${ready} choose=${choose} />`}
      ${questions.length === 0 && html`<${Tips} />`}
    </div>
  `;
}

/** A number that is another one after documents have come, become ready, been moved or gone. */
function useChanges() {
  const [changes, look] = useReducer((n) => n + 1, 0);
  useEffect(() => {
    const atWork = new Set();
    let isFirst = true;
    let timers = [];
    const hear = ({ name, data }) => {
      const isAtWork = name === "document" && isUnfinished(data);
      const isKnown = name === "open" ? isFirst : isAtWork && atWork.has(data.id);
      isFirst = false;
      if (isAtWork) atWork.add(data.id);
      else if (data.id) atWork.delete(data.id);
      if (isKnown) return;
      timers.slice(1).forEach(clearTimeout);
      timers = SETTLES_MS.map((ms, at) => (at === 0 && timers[0]) || setTimeout(soon, ms, at));
    };
    const soon = (at) => {
      timers[at] = 0;
      look();
    };
    const end = whileSeen(() => follow("documents", hear));
    return () => {
      end();
      timers.forEach(clearTimeout);
    };
  }, []);
  return changes;
}

/** What there is: {total, ready, reading, documents}; null until it is known. */
function useKnown(changes) {
  const [known, setKnown] = useState(null);
  const numbers = useStore(health, (now) => `${now.documents} ${now.ready}`);
  const last = useRef(Promise.resolve(null));
  const seen = useRef(0);
  useEffect(() => {
    const isChanged = changes !== seen.current;
    seen.current = changes;
    last.current = last.current.then((found) => {
      const isSame = !isChanged && found && `${found.total} ${found.ready}` === numbers;
      return isSame ? found : look(found, isChanged);
    });
    last.current.then(setKnown);
  }, [numbers, changes]);
  return known;
}

async function look(before, isChanged) {
  try {
    const [all, newest] = await Promise.all([
      isChanged ? collections.read() : collections.recent(),
      call("GET", "/api/v1/documents?limit=30"),
    ]);
    const sum = (field) => all.reduce((total, one) => total + one[field], 0);
    const reading = newest.items.filter(isUnfinished).length;
    for (const one of newest.items) noteName(one.id, one.name);
    return { total: sum("documents"), ready: sum("ready"), reading, documents: newest.items };
  } catch {
    return before ?? { total: null, ready: 1, reading: 0, documents: [] };
  }
}

/** Example questions, and the key points of a chosen document or collection. */
function useTaught({ collection, document_ids: ids }, changes) {
  const [taught, setTaught] = useState({ questions: [], points: [] });
  const one = ids.length === 1 ? ids[0] : null;
  useEffect(() => {
    const over = new AbortController();
    const get = (path) => call("GET", path, undefined, { signal: over.signal }).catch(() => null);
    const query = new URLSearchParams({
      limit: QUESTIONS,
      language,
      ...(collection && { collection }),
      ...(one && { document_id: one }),
    });
    const about = one
      ? `/api/v1/documents/${encodeURIComponent(one)}/overview`
      : collection && `/api/v1/collections/${encodeURIComponent(collection)}/overview`;
    Promise.all([get(`/api/v1/suggestions?${query}`), about && get(about)]).then(([asked, overview]) => {
      if (over.signal.aborted) return;
      setTaught({ questions: asked?.questions ?? [], points: overview?.points ?? [] });
    });
    return () => over.abort();
  }, [collection, ids.join(), changes]);
  return taught;
}

function NothingYet() {
  return html`
    <h3>${t("empty.none.title")}</h3>
    <p>${t(may("write") ? "empty.none.text" : "documents.empty.read")}</p>
    ${may("write") && html`
      <a class="go" id="first-upload" href=${href("documents")}><${Icon} name="upload" />${t(
        "empty.none.go",
      )}</a>
    `}
  `;
}

function Questions({ questions, ask }) {
  return html`
    <h4>${t("empty.questions")}</h4>
    <ul class="examples">
      ${questions.map((one) =>
        html`
          <li key=${one.text}>
            <button type="button" class="example" onClick=${() => ask(one.text)}>
              <span dir="auto">${one.text}</span><small><bdi>${one.document_name}</bdi></small>
            </button>
          </li>
        `
      )}
    </ul>
  `;
}

function Points({ points, documentId }) {
  const to = (point) => {
    const id = point.document_id ?? documentId;
    return id && href("documents", id, "page", point.place?.number ?? point.page ?? 1);
  };
  return html`
    <h4>${t("empty.points")}</h4>
    <ul class="key-points">
      ${points.map((one) =>
        html`
          <li key=${one.text} dir="auto">${one.text}${to(one) && html`
            <a href=${to(one)}>${t("place.page", { number: one.page ?? 1 })}</a>
          `}</li>
        `
      )}
    </ul>
  `;
}

function Few({ documents, choose }) {
  return html`
    <h4>${t("empty.one")}</h4>
    <div class="few">
      ${documents.map((one) =>
        html`
          <button key=${one.id} type="button" class="plain" title=${one.name}
            onClick=${() => choose({ collection: null, document_ids: [one.id] })}>
            <${Icon} name="documents" /><span dir="auto">${one.name}</span>
          </button>
        `
      )}
    </div>
  `;
}

function Tips() {
  const tips = [["scope", "empty.tip.scope"], ["ask", "empty.tip.follow"], ["check", "empty.tip.honest"]];
  return html`
    <ul class="tips">
      ${tips.map(([name, words]) =>
        html`<li key=${name}><${Icon} name=${name} /><span>${t(words)}</span></li>`
      )}
    </ul>
  `;
}
