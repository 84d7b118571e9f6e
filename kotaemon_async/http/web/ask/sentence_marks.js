// Marks the sentences that no source stands behind, or not quite, without touching the answer's elements: the browser
// draws a line under ranges of its text. A browser that cannot simply does not; the words below the answer say it too.

const KINDS = ["uncited", "check", "unsupported"];
const canMark = typeof Highlight === "function" && CSS.highlights !== undefined;

/** Marks sentences in the text of `node`, as far as they are found there: {kind: [sentence]}. Returns the end of it. */
export function markSentences(node, sentences) {
  if (!canMark || KINDS.every((kind) => sentences[kind].length === 0)) return () => {};
  const letters = lettersOf(node);
  const whole = letters.map((one) => one.letter).join("");
  const marks = KINDS.flatMap((kind) =>
    sentences[kind].map((sentence) => [kind, rangeIn(letters, whole, sentence)]).filter(([, range]) => range)
  );
  for (const [kind, range] of marks) highlightOf(kind).add(range);
  return () => marks.forEach(([kind, range]) => highlightOf(kind).delete(range));
}

function highlightOf(kind) {
  if (!CSS.highlights.has(kind)) CSS.highlights.set(kind, new Highlight());
  return CSS.highlights.get(kind);
}

function rangeIn(letters, whole, sentence) {
  const spellings = [sentence, sentence.replace(/\[\d{1,3}\]/g, "")].map(bare); // markers may have become chips
  const wanted = spellings.find((one) => one && whole.includes(one));
  if (!wanted) return null;
  const start = whole.indexOf(wanted);
  return rangeOf(letters[start], letters[start + wanted.length - 1]);
}

/** Every letter that is seen, with its place; not those of chips, of blanks, and of Markdown's own signs. */
function lettersOf(node) {
  const letters = [];
  const walker = document.createTreeWalker(node, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const text = walker.currentNode;
    if (text.parentElement.closest(".chip")) continue;
    for (let at = 0; at < text.length; at += 1) {
      if (bare(text.data[at]) !== "") letters.push({ letter: text.data[at], text, at });
    }
  }
  return letters;
}

function bare(text) {
  return text.replace(/[\s*_`~#>|\\]/g, "");
}

function rangeOf(first, last) {
  const range = document.createRange();
  range.setStart(first.text, first.at);
  range.setEnd(last.text, last.at + 1);
  return range;
}
