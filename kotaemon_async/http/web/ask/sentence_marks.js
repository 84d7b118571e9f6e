// Marks the sentences that no source stands behind, or not quite, without touching the answer's elements: the browser
// draws a line under ranges of its text. A browser that cannot simply does not; the words below the answer say it too.

const KINDS = ["uncited", "check", "unsupported"];
const canMark = typeof Highlight === "function" && CSS.highlights !== undefined;

/** Marks these sentences in the text of `node`, as far as they are found there, as one of the kinds. */
export function markSentences(node, kind, sentences) {
  if (!canMark || sentences.length === 0) return;
  if (!CSS.highlights.has(kind)) CSS.highlights.set(kind, new Highlight());
  const letters = lettersOf(node);
  const whole = letters.map((one) => one.letter).join("");
  for (const sentence of sentences) {
    const spellings = [sentence, sentence.replace(/\[\d{1,3}\]/g, "")].map(bare); // markers may have become chips
    const wanted = spellings.find((one) => one && whole.includes(one)) ?? "";
    const start = wanted ? whole.indexOf(wanted) : -1;
    if (start >= 0) CSS.highlights.get(kind).add(rangeOf(letters[start], letters[start + wanted.length - 1]));
  }
}

/** Nothing is marked any more. */
export function forgetMarks() {
  if (canMark) { for (const kind of KINDS) CSS.highlights.delete(kind); }
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
