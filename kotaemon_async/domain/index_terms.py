"""Terms of the keyword index, and what a question asks of it: words, and beside them what only a whole tells.

Figures, dates, amounts and codes are terms as a whole, however they are written; so is a word in capitals
that would be a stop word (IT, WHO), and the last CJK character of a run, which begins no pair.

>>> segment("Form W-2 is for the IT staff")
'form w 2 is for the it staff w2 ǂit'
>>> search_terms("What is IT?").terms
('ǂit',)
"""

import re
import unicodedata
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Final

from kotaemon_async.domain import text
from kotaemon_async.domain.figures import JOINT, codes, figures

#: Raised when the terms of a text change: indexes of an earlier form are built anew.
VERSION: Final = 2

_CAPITALS: Final = re.compile(r"[A-Z]{2,5}(?![A-Za-z])")
#: Characters that stand between words far more often than in one.
_CHINESE_FUNCTION: Final = re.compile("[的了是吗呢被把]")
#: Characters that say nothing when they are looked for one by one.
_COMMON: Final = frozenset("的了是在和与之其有不人上下中为以对及或")


@dataclass(frozen=True, slots=True)
class SearchTerms:
    """What a question looks for: any of `terms`, and any term that begins with one of `beginnings`.

    `parts` holds for a whole the terms that it is made of, which say less; `otherwise` is looked for when the
    index has none of the terms.
    """

    terms: tuple[str, ...]
    beginnings: tuple[str, ...] = ()
    parts: dict[str, frozenset[str]] = field(default_factory=dict)
    otherwise: tuple[str, ...] = ()

    def sought(self, known: Collection[str]) -> tuple[list[str], list[str]]:
        """Return the terms and the beginnings to look for in an index that holds those known ones."""
        spare = {part for whole, parts in self.parts.items() if whole in known for part in parts}
        wanted = [term for term in self.terms if term not in spare]
        beginnings = [one for one in self.beginnings if one not in spare]
        pairs = [term for term in wanted if text.is_cjk(term[0])]
        if pairs and not any(pair in known for pair in pairs):
            lone = dict.fromkeys(character for pair in pairs for character in pair)
            beginnings += [one for one in lone if one not in _COMMON and one not in beginnings]
        if not beginnings and not any(term in known for term in wanted):
            wanted += self.otherwise
        return wanted, beginnings


def index_terms(source: str) -> list[str]:
    """Return every term of a text, its words in order first."""
    folded = text.folded(source)
    bare = text.bare(folded)
    words = text.terms_of(bare)
    last = [run[-1] for run in text.CJK_RUN.findall(bare) if len(run) > 1]
    known = set(words)
    return [*words, *last, *(term for term in _wholes(source, folded) if term not in known)]


def segment(source: str) -> str:
    """Return the terms with a space between them, for a tokenizer that splits at spaces."""
    return " ".join(index_terms(source))


def search_terms(question: str) -> SearchTerms:
    """Return what a question looks for, without its question and function words."""
    folded = text.folded(question)
    content = _CHINESE_FUNCTION.sub(" ", text.content(text.bare(folded)))
    found = [term for run in text.RUN.finditer(content) for term in text.run_terms(run)]
    whole = list(_wholes(question, folded)) or list(acronyms(question, is_query=True))
    every = tuple(text.terms(question))
    kept = list(dict.fromkeys([*found, *whole])) or every
    lone = tuple(term for term in kept if len(term) == 1 and text.is_cjk(term))
    parts = {
        figure.terms[0]: frozenset(text.terms(figure.written)) - {figure.terms[0]}
        for figure in figures(folded)
    }
    return SearchTerms(tuple(term for term in kept if term not in lone), lone, parts, () if found else every)


def earlier_terms(question: str) -> list[str]:
    """Return pairs of characters as indexes before version 2 have them: traditional, and with radicals."""
    plain = unicodedata.normalize("NFKC", question).casefold()
    return [term for run in text.RUN.finditer(plain) if run["cjk"] for term in text.run_terms(run)]


def _wholes(source: str, folded: str) -> Iterator[str]:
    for whole in (*figures(folded), *codes(folded)):
        yield from whole.terms
    yield from acronyms(source)


def acronyms(source: str, *, is_query: bool = False) -> Iterator[str]:
    """Yield words in capitals that otherwise are stop words; where all is in capitals they tell nothing."""
    plain = source if source.isascii() else unicodedata.normalize("NFKC", source)
    for line in plain.splitlines():
        if is_query or not line.isupper():
            for match in _CAPITALS.finditer(line):
                begins = not line[max(0, match.start() - 1) : match.start()].isalpha()
                if begins and (word := match[0].casefold()) in text.STOPWORDS:
                    yield JOINT + word
