"""The few sentences that the service says in its own words, in the question's language."""

import re

_CHINESE = re.compile(r"[\u3400-\u9fff\uf900-\ufaff]")
_WIDE = re.compile(r"[\u3000-\u303f\u3400-\u9fff\uf900-\ufaff\uff00-\uff65]")


def is_chinese(text: str) -> bool:
    """Return whether the text holds Chinese characters."""
    return _CHINESE.search(text) is not None


def nothing_found(question: str) -> str:
    """Say honestly that the documents do not hold an answer."""
    if is_chinese(question):
        return "在这些文档中没有找到与该问题相关的内容。"
    return "I found nothing in the documents that answers this question."


def busy(question: str) -> str:
    """Say politely that no answer can be given at the moment."""
    if is_chinese(question):
        return "抱歉，现在暂时无法回答这个问题，请稍后再试。"
    return "Sorry, this question cannot be answered at the moment. Please try again shortly."


def one_line(text: str) -> str:
    """Return the text without line breaks; between Chinese characters nothing takes their place."""
    line = ""
    for word in text.split():
        joins_chinese = line and _is_wide(line[-1]) and _is_wide(word[0])
        line += word if not line or joins_chinese else f" {word}"
    return line


def _is_wide(character: str) -> bool:
    """Return whether it is a Chinese character or its punctuation, which take no blank beside them."""
    return _WIDE.match(character) is not None
