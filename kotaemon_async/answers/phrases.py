"""The few sentences that the service says in its own words, in the question's language."""

import re
from collections.abc import Sequence

from kotaemon_async.answers.settings import AnswerLanguage

_CHINESE = re.compile(r"[\u3400-\u9fff\uf900-\ufaff]")


def is_chinese(text: str) -> bool:
    """Return whether the text holds Chinese characters."""
    return _CHINESE.search(text) is not None


def voice(question: str, language: AnswerLanguage) -> str:
    """Return a text in the language in which the service answers: the question, where none is wanted."""
    return {"": question, "en": "Say it in English.", "zh": "请用中文。"}[language]


def nothing_found(question: str) -> str:
    """Say honestly that the documents do not hold an answer."""
    if is_chinese(question):
        return "在这些文档中没有找到与该问题相关的内容。"
    return "I found nothing in the documents that answers this question."


def nothing_to_ask(question: str, unfinished: int, failed: int) -> str:
    """Say that there is no document to look in, and why where that is known."""
    if is_chinese(question):
        if unfinished:
            return f"这里的 {unfinished} 个文档还在处理中，处理完成后即可提问。"
        if failed:
            return f"这里的 {failed} 个文档都未能读取，因此没有可以提问的内容。"
        return "这里还没有可以提问的文档，请先上传文档。"
    if unfinished:
        what = "The document here is" if unfinished == 1 else f"The {unfinished} documents here are"
        return f"{what} still being read. Ask again when that is done."
    if failed:
        what = "The document here" if failed == 1 else f"None of the {failed} documents here"
        return f"{what} could {'not ' if failed == 1 else ''}be read, so there is nothing to ask about."
    return "There are no documents to ask about yet. Upload one first."


def not_read(question: str, pages: int, documents: int) -> str:
    """Say that the answer may stand on pages that nobody could read."""
    if is_chinese(question):
        return f"另有 {documents} 个文档中的 {pages} 页未能读取，答案可能在其中。"
    what = "1 page" if pages == 1 else f"{pages} pages"
    whose = "" if documents == 1 and pages == 1 else f" of {documents} document{'s' * (documents > 1)}"
    return f"But {what}{whose} could not be read; it may stand there."


def nearest(question: str, missing: Sequence[str]) -> str:
    """Say what was not found, to stand before the nearest that was.

    Where nothing is missing it stands in documents of another language, and is not quite near.
    """
    if not missing:
        return (
            "其他语言的文档中最接近的内容：" if is_chinese(question) else "The nearest in another language: "
        )
    if is_chinese(question):
        return f"没有找到关于“{'、'.join(missing)}”的内容；最接近的是："
    named = ", ".join(f"“{one}”" for one in missing)
    return f"Nothing found on {named}; the nearest is: "


def nothing_more(question: str) -> str:
    """Say honestly that all has been told."""
    if is_chinese(question):
        return "在这些文档中没有找到更多相关内容。"
    return "I found nothing more on this in the documents."


def which_document(question: str, names: Sequence[str], count: int) -> str:
    """Ask which of the documents is meant, naming some of them."""
    if not count:
        return (
            "这里还没有可以提问的文档。"
            if is_chinese(question)
            else "There are no documents to ask about yet."
        )
    if is_chinese(question):
        return f"您指的是哪个文档？共有 {count} 个，例如：{'、'.join(names)}。"
    return f"Which document do you mean? There are {count}, for example {', '.join(names)}."


def main_points_wanted(*, is_chinese: bool) -> str:
    """Return what a model is asked for the points of a document, in the document's language."""
    if is_chinese:
        return (
            "请用三到五句完整的话列出该文档的要点，每句一行，以“- ”开头，"
            "句末注明所依据的段落编号，不要写其他内容。"
        )
    return (
        "List the main points of this document in three to five whole sentences, one on each line, each"
        " beginning with '- ' and ending with the number of its passage. Write nothing else."
    )


def busy(question: str) -> str:
    """Say politely that no answer can be given at the moment."""
    if is_chinese(question):
        return "抱歉，现在暂时无法回答这个问题，请稍后再试。"
    return "Sorry, this question cannot be answered at the moment. Please try again shortly."
