"""Conversations that are taken away: questions, answers and sources as Markdown or as a Word document."""

from typing import Annotated, Final, Literal

import anyio.to_thread
from litestar import Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, QueryParameter

from kotaemon_async.answers import phrases
from kotaemon_async.domain.times import iso_time
from kotaemon_async.http.conversations import ONE
from kotaemon_async.http.dependencies import GivenCaller, GivenServices
from kotaemon_async.http.problems import responses
from kotaemon_async.http.sources import source_line
from kotaemon_async.http.unlinked import unlinked
from kotaemon_async.http.word_files import Paragraph, word_file
from kotaemon_async.stores.conversations import Conversation, Turn

_MEDIA_TYPES: Final = {
    "md": "text/markdown; charset=utf-8",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
}
# Its type is that of the format.
_FILE = ResponseSpec(bytes, generate_examples=False, description="The conversation.", media_type="*/*")


@get(
    f"{ONE}/export",
    media_type="text/markdown",
    responses={200: _FILE, **responses("bad_request", "not_found", "ledger_unavailable")},
    summary="Take one away as Markdown or as a Word document",
)
async def export_conversation(
    services: GivenServices,
    caller: GivenCaller,
    conversation_id: FromPath[str],
    kind: Annotated[Literal["md", "docx"], QueryParameter(name="format")] = "md",
) -> Response[bytes]:
    """Return the questions, answers and sources as a file."""
    found, turns = await services.answer_history.conversation(caller, conversation_id)
    if kind == "md":
        content = markdown(found, turns).encode()
    else:
        content = await anyio.to_thread.run_sync(word_file, paragraphs(found, turns))
    headers = {"Content-Disposition": f'attachment; filename="{_file_name(found.id)}.{kind}"'}
    return Response(content, headers=headers, media_type=_MEDIA_TYPES[kind])


def markdown(conversation: Conversation, turns: list[Turn]) -> str:
    """Return a heading for each question, its answer, and the quotes that it rests on."""
    lines = [f"# {_line(conversation.title)}\n"]
    for turn in turns:
        lines.append(f"## {_line(turn.answer.question)}\n\n{turn.answer.answer}\n")
        lines += [f"{line}\n" for line in _sources(turn, turns)]
        lines.append(f"*{_served(turn)}*\n")
    return unlinked("\n".join(lines))


def paragraphs(conversation: Conversation, turns: list[Turn]) -> list[Paragraph]:
    """Return the same as paragraphs of a Word document; the marks of Markdown become those of Word."""
    found = [Paragraph(_line(conversation.title), "Title")]
    for turn in turns:
        found.append(Paragraph(_line(turn.answer.question), "Heading1"))
        found += _answer_paragraphs(turn.answer.answer)
        found += [Paragraph(line, "Source") for line in _sources(turn, turns)]
        found.append(Paragraph(_served(turn), "Note"))
    return found


def _answer_paragraphs(answer: str) -> list[Paragraph]:
    """Return the lines of an answer; those of a list, a heading or code are marked as such."""
    found, in_code = [], False
    for line in answer.splitlines():
        plain = line.strip()
        if plain.startswith("```"):
            in_code = not in_code
        elif in_code:
            found.append(Paragraph(line, "Code"))
        elif plain.startswith("#"):
            found.append(Paragraph(plain.lstrip("# "), "Heading2"))
        elif plain[:2] in ("- ", "* ", "+ "):
            found.append(Paragraph(f"• {plain[2:]}", "List"))
        elif plain and set(plain) - set("|-: "):
            found.append(Paragraph(plain))
    return found


def _sources(turn: Turn, turns: list[Turn]) -> list[str]:
    cited = [one for other in turns for one in other.answer.citations]
    chinese = phrases.is_chinese(turn.answer.question)
    return [source_line(one, cited, chinese=chinese) for one in turn.answer.citations]


def _served(turn: Turn) -> str:
    answer = turn.answer
    served = f"{answer.served_by}, degraded" if answer.degraded else answer.served_by
    served = served if answer.complete else f"{served}, not complete"
    return f"{iso_time(turn.at_s)}, {served}"


def _line(text: str) -> str:
    return " ".join(text.split())


def _file_name(conversation_id: str) -> str:
    kept = "".join(ch if ch.isascii() and (ch.isalnum() or ch in "-_") else "_" for ch in conversation_id)
    return f"conversation-{kept[:60]}"


HANDLERS: list[HTTPRouteHandler] = [export_conversation]
