"""A model's text without its thoughts, which models and servers mark in many ways, or leave half unmarked.

A mark counts where a model puts one: at the start of a line or behind the end of a sentence. In the middle of
a sentence, in code and in a fenced block it is a quotation and stays.
"""

import re
from dataclasses import dataclass
from typing import Final

_NAME: Final = (
    r"(?:[\w:.\-]*(?:think|thought|reasoning|reflection|scratch_?pad|monologue)[\w:.\-]*"
    r"|reason|reflect|analysis|rationale|deliberation|cot|chain_of_\w+)"
)
_LEFT, _RIGHT = r"(?:<[|｜]?|&lt;|＜|◁)\s*", r"(?:[|｜]?>|&gt;|＞|▷)"
_END: Final = r"(?:/\s*|end_(?:of_)?)"
_ATTRIBUTES: Final = r"(?:\s[^<>\n]*)?"


def _beginnings(words: str) -> str:
    """Return a pattern for the words and each of their beginnings of one letter or more."""
    pattern = ""
    for letter in reversed(words[1:]):
        pattern = f"(?:{re.escape(letter)}{pattern})?"
    return words[0] + pattern


@dataclass(frozen=True, slots=True)
class _Form:
    """How one kind of model begins and ends its thoughts.

    The beginning of a `lone` form is often left out: the chat template has put it into the prompt.
    """

    opens: str
    closes: str
    lone: bool = False


_FORMS: Final = (
    _Form(
        rf"{_LEFT}(?!{_END}){_NAME}{_ATTRIBUTES}(?<!/)\s*{_RIGHT}", rf"{_LEFT}{_END}{_NAME}\s*{_RIGHT}", True
    ),
    _Form(r"\[THINK(?:ING)?\]", r"\[/THINK(?:ING)?\]", True),
    # gpt-oss; also as it looks when a server has dropped its special tokens
    _Form(
        r"(?:<\|start\|>\s*assistant\s*)?<\|channel\|>\s*(?:analysis|commentary)\b[^<\n]*<\|message\|>",
        r"<\|channel\|>\s*final\b[^<\n]*<\|message\|>",
        True,
    ),
    _Form(r"(?-i:\Aanalysis(?=[A-Z]))", r"(?-i:assistantfinal)", True),
    _Form(r"<\|channel>\s*thought\b", r"<channel\|>", True),
    _Form(r"<unused94>(?:thought\b)?", r"<unused95>", True),
    _Form(r"\AHere is my thought process:", r"Here is my response:"),
    _Form(r"```(?:think(?:ing)?|thoughts?|reasoning)[ \t]*\n", r"\n[ \t]*```"),
    # what chat programs make of thoughts and send back with the conversation
    _Form(r"<details\s[^<>\n]*type=[\"']reasoning[\"'][^<>\n]*>", r"</details>"),
    _Form(r":::thinking\b[^\n]*\n", r"\n:::"),
)
#: Signs between turns and around answers; they are no words of the answer.
_NOISE: Final = (
    r"<\|(?:start|end|return|call|im_start|im_end|eot_id|endoftext|end_of_text"
    r"|(?:begin|start|end)_(?:of_)?(?:solution|response|answer))\|>(?:assistant\b)?"
    rf"|</?(?:answer|final_answer|response|solution)>|{_LEFT}{_NAME}\s*/\s*{_RIGHT}"
)
_OPENS: Final = "|".join(f"(?P<open{number}>{form.opens})" for number, form in enumerate(_FORMS))
_LONE: Final = "|".join(form.closes for form in _FORMS if form.lone)
_MARK: Final = re.compile(f"(?P<lone>{_LONE})|{_OPENS}|(?P<noise>{_NOISE})", re.IGNORECASE)
#: Words, not signs: only the very beginning of a reply can be meant so.
_ONLY_FIRST: Final = frozenset(number for number, form in enumerate(_FORMS) if r"\A" in form.opens)
_CLOSES: Final = tuple(re.compile(form.closes, re.IGNORECASE) for form in _FORMS)
#: What may become a mark when more text comes.
_UNFINISHED: Final = re.compile(
    r"(?:"
    r"(?:<[|｜]?|＜|◁|&(?:l(?:t;?)?)?|&lt;)[\s/]*[\w:.\-]{0,40}[|｜/]?"
    rf"|{_LEFT}(?:{_NAME}|details)\s[^<>\n]{{0,200}}|{_LEFT}/?\s*{_NAME}&(?:g|gt)?"
    r"|<\|start\|>[^<\n]{0,40}|<\|channel\|?>[^<\n]{0,80}(?:<\|?[a-z]*\|?)?"
    r"|\[/?[A-Z]{0,8}|`{1,3}|```[a-z]{0,9}[ \t]*|:{1,3}|:::[a-z]{0,8}[^\n]{0,40}"
    rf"|\A{_beginnings('analysis')}|\A{_beginnings('Here is my thought process:')}"
    rf"|{_beginnings('assistantfinal')}|<unused94>{_beginnings('thought')}"
    r")\Z",
    re.IGNORECASE,
)
_ROLE_BEGINS: Final = re.compile(_beginnings("assistant"))
_SENTENCE_END: Final = re.compile(r"(?:[.!?。！？…]|\])[\"'”’)）」』]*\s*\Z")
_FENCE: Final = re.compile(r"\s*(?:```|~~~)")
#: A mark of an end is not longer; so much of a thought is kept to find one that comes in pieces.
_LONGEST_CLOSE: Final = 160
#: So much of a line decides what a mark in it is.
_LINE_CHARS: Final = 4_000


class ThoughtFilter:
    """Text piece by piece, without thoughts, however the pieces are cut.

    `is_void` turns true when all that was returned before the last call has proved to be thoughts.
    """

    def __init__(self) -> None:
        self.is_void = False
        self.has_thoughts = False
        self._text = ""
        self._has_begun = False
        self._line = ""
        self._is_fenced = False
        self._closes: re.Pattern[str] | None = None
        self._doubted: str | None = None

    def feed(self, text: str) -> str:
        """Return what can be shown; what may be the beginning of a mark is held back."""
        self._text += text
        return self._shown(is_end=False)

    def rest(self) -> str:
        """Return what was held back; a thought that was never closed is none of it."""
        shown = self._shown(is_end=True)
        # Behind the end of a sentence a mark that nothing closes was a quotation.
        quoted, self._doubted, self._closes = self._doubted, None, None
        return shown + (quoted or "")

    def _shown(self, *, is_end: bool) -> str:
        self.is_void = False
        shown = ""
        while True:
            if not self._has_begun:
                self._text = self._text.lstrip()
            if self._closes is not None and not self._skip_thought(self._closes, is_end=is_end):
                return shown
            mark = _MARK.search(self._text)
            if mark is None or (not is_end and _is_undecided(mark, self._text)):
                return shown + self._take(self._up_to(mark, is_end=is_end))
            shown += self._take(mark.start())
            shown = self._pass(mark[0], mark, shown)

    def _pass(self, words: str, mark: re.Match[str], shown: str) -> str:
        """Return what is shown so far, after the mark at the beginning of the text."""
        after = self._text[len(words) :]
        if mark["lone"] is not None and self._is_end_of_thoughts(after):
            self._text, self._line = after, ""
            self._is_fenced = self._has_begun = False
            self.is_void = self.has_thoughts = True
            return ""
        if mark["noise"] is not None and (self._is_place() or not after.strip()):
            self._text = after
            return shown
        number = next((one for one in range(len(_FORMS)) if mark[f"open{one}"] is not None), None)
        if number is not None and self._is_place() and not (self._has_begun and number in _ONLY_FIRST):
            self._text = after
            self._closes, self.has_thoughts = _CLOSES[number], True
            self._doubted = words if self._line.strip() else None
            return shown
        return shown + self._take(len(words))

    def _skip_thought(self, closes: re.Pattern[str], *, is_end: bool) -> bool:
        """Drop the thought and return whether its end was found."""
        end = closes.search(self._text)
        keep = end.end() if end else max(0, len(self._text) - _LONGEST_CLOSE)
        if end is None and is_end:
            keep = len(self._text)
        if self._doubted is not None:
            self._doubted += self._text[:keep]
        self._text = self._text[keep:]
        if end is not None:
            self._closes = self._doubted = None
        return end is not None

    def _up_to(self, mark: re.Match[str] | None, *, is_end: bool) -> int:
        """Return how much of the text can be shown before the next mark, or what may become one."""
        if mark is not None:
            return mark.start()
        unfinished = None if is_end else _UNFINISHED.search(self._text)
        return unfinished.start() if unfinished else len(self._text)

    def _take(self, count: int) -> str:
        """Take so many characters off the text and return them, with an eye on lines and fences."""
        taken, self._text = self._text[:count], self._text[count:]
        *whole, last = (self._line + taken).split("\n")
        for line in whole:
            self._is_fenced ^= _FENCE.match(line) is not None
        self._line = last[-_LINE_CHARS:]
        self._has_begun = self._has_begun or bool(taken)
        return taken

    def _is_place(self) -> bool:
        """Return whether a mark here is the model's own and no quotation."""
        if self._is_quotation():
            return False
        return not self._line.strip() or _SENTENCE_END.search(self._line) is not None

    def _is_end_of_thoughts(self, after: str) -> bool:
        if self._is_quotation():
            return False
        before = self._line[-1:]
        begins_line = re.match(r"[ \t]*\n", after) is not None
        is_glued = before.isascii() and before.isalnum()
        return self._is_place() or begins_line or is_glued

    def _is_quotation(self) -> bool:
        return self._is_fenced or self._line.count("`") % 2 == 1


def _is_undecided(mark: re.Match[str], text: str) -> bool:
    """Return whether what comes behind the mark decides what it is, and is not there yet."""
    after = text[mark.end() :].strip(" \t")
    return not after or (mark["noise"] is not None and _ROLE_BEGINS.fullmatch(after) is not None)


def without_thoughts(text: str) -> str:
    """Return a whole text of a model without its thoughts.

    >>> without_thoughts("<think>Look at [3] first.</think>\\n\\nThree years [1].")
    'Three years [1].'
    """
    words = ThoughtFilter()
    shown = words.feed(text)
    rest = words.rest()
    return (rest if words.is_void else shown + rest).strip()
