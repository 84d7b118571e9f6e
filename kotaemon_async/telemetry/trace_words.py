"""The closed list of what spans, their events and kept log lines may say; no text of people is in it."""

from collections.abc import Mapping
from typing import Final

#: What an attribute may hold; None is left out.
Attribute = str | bool | int | float | None
Kept = dict[str, str | bool | int | float]


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


#: Every attribute key of spans and of their events; the dotted ones are OpenTelemetry's.
ATTRIBUTES: Final = _words(
    """
    age_s answer_id attempt cancelled cause child_pid child_s chunks code component degraded doc_id entries
    error.type first_page from_trace gen_ai.operation.name gen_ai.provider.name gen_ai.request.model
    gen_ai.usage.input_tokens gen_ai.usage.output_tokens hits http.request.method http.response.status_code
    http.route job_id kind link lost mode outcome pages pages_done pages_total passages reason request_id
    served_by server.address size_bytes source target top_k user_id wait_s
    """
)
#: Fields of log lines that may hold text; numbers may stand under any name.
LINE_TEXTS: Final = _words(
    """
    answer_id cause child code component doc_id generation job_id kind library link method mode outcome reason
    reasons request_id route served_by signal stage status to user_id
    """
)
#: Attributes and fields under which a trace can be found.
NAMES: Final = ("doc_id", "answer_id", "request_id")
_LONGEST_TEXT: Final = 200


def kept_attributes(given: Mapping[str, Attribute]) -> Kept:
    """Return those that are on the list and not None; texts are cut."""
    return {key: _cut(value) for key, value in given.items() if value is not None and key in ATTRIBUTES}


def kept_fields(given: Mapping[str, object]) -> dict[str, object]:
    """Return numbers, and texts that may stand in a kept line; they are cut."""
    kept: dict[str, object] = {}
    for key, value in given.items():
        if isinstance(value, bool | int | float):
            kept[key] = value
        elif key in LINE_TEXTS and isinstance(value, str):
            kept[key] = _cut(value)
        elif key in LINE_TEXTS and isinstance(value, list | tuple):
            kept[key] = [_cut(str(one)) for one in value]
    return kept


def _cut(value: str | bool | int | float) -> str | bool | int | float:
    return value[:_LONGEST_TEXT] if isinstance(value, str) else value
