"""The process that a language model lives in: `python local_child.py SETTINGS`, asked over standard input.

Every frame, in and out, is a line of JSON. The first one out says how loading went. A request is
`{"id", "system", "user"}`; to it come `{"id", "prompt_tokens"}`, then pieces of `{"id", "text"}`, then one
`{"id", "end"}`; or `{"id", "too_long": {"tokens", "room"}}`, or at any time `{"id", "error"}`. Between two
tokens `{"stop": id}` is heard. Imports nothing of the package but the jail of the parser's child, which it
finds by its path: without network, whatever a library may want to report stays here.
"""

import importlib.util
import json
import os
import resource
import select
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

_JAIL = Path(__file__).parents[2] / "resilience" / "child_jail.py"
#: The prompt is read in pieces of so many tokens: a stop is heard between them, and memory stays small.
PREFILL_TOKENS = 32
#: The longest answer may take up at most this part of the model's context.
ANSWER_SHARE = 0.5
LOG_BYTES = 16 * 1024**2
NOT_INSTALLED = "models in a process of the service need: pip install kotaemon-async[local]"


class LoadError(Exception):
    """The model cannot be loaded, for a reason that the operator can change."""


class Inbox:
    """Frames from the parent, waited for or only looked for."""

    def __init__(self, source: int) -> None:
        self._source = source
        self._bytes = b""

    def wait(self) -> dict[str, Any] | None:
        """The next frame, None when the parent has closed."""
        while b"\n" not in self._bytes:
            if not self._read():
                return None
        line, _, self._bytes = self._bytes.partition(b"\n")
        frame: dict[str, Any] = json.loads(line)
        return frame

    def is_stopped(self, number: int) -> bool:
        """Whether the parent has asked to stop this request, or has gone."""
        while b"\n" not in self._bytes and select.select([self._source], [], [], 0)[0]:
            if not self._read():
                return True
        if b"\n" not in self._bytes:
            return False
        frame = self.wait()
        return frame is None or frame.get("stop") == number or self.is_stopped(number)

    def _read(self) -> bool:
        piece = os.read(self._source, 65_536)
        self._bytes += piece
        return bool(piece)


class Speaker:
    """A loaded model that answers."""

    def __init__(self, folder: Path, max_tokens: int) -> None:
        self._genai = runtime()
        try:
            described = json.loads((folder / "genai_config.json").read_text("utf-8"))
            self._context = int(described["model"]["context_length"])
            self._model = self._genai.Model(self._genai.Config(str(folder)))
            self._words = self._genai.Tokenizer(self._model)
            self._ends = frozenset(map(int, self._words.eos_token_ids))
        except MemoryError:
            raise
        except Exception as error:
            if "bad_alloc" in str(error) or "allocate memory" in str(error):
                raise MemoryError from error
            raise LoadError(f"{folder} holds no model of onnxruntime-genai: {told(error)}") from error
        self._max_tokens = min(max_tokens, int(self._context * ANSWER_SHARE))
        self._special = special_words(folder)
        self._has_template = has_template(folder)

    def answer(self, request: dict[str, Any], inbox: Inbox) -> Iterator[dict[str, Any]]:
        """The frames of the reply, without their id."""
        tokens = self._words.encode(self._prompt(request["system"], self._plain(request["user"])))
        room = self._context - self._max_tokens
        if len(tokens) > room:
            yield {"too_long": {"tokens": len(tokens), "room": room}}
            return
        yield {"prompt_tokens": len(tokens)}
        options = self._genai.GeneratorParams(self._model)
        # The most likely token each time: an answer from documents is no place for chance.
        options.set_search_options(
            max_length=len(tokens) + self._max_tokens, do_sample=False, num_beams=1, batch_size=1
        )
        yield from self._spoken(self._genai.Generator(self._model, options), tokens, request["id"], inbox)

    def _spoken(self, generator: Any, tokens: Any, number: int, inbox: Inbox) -> Iterator[dict[str, Any]]:
        for start in range(0, len(tokens), PREFILL_TOKENS):
            if inbox.is_stopped(number):
                yield {"end": "stopped", "completion_tokens": 0}
                return
            generator.append_tokens(tokens[start : start + PREFILL_TOKENS])
        stream, said, end = self._words.create_stream(), 0, "length"
        while not generator.is_done():
            if inbox.is_stopped(number):
                end = "stopped"
                break
            generator.generate_next_token()
            token = int(generator.get_next_tokens()[0])
            said += 1
            if token in self._ends:
                end = "stop"
                break
            yield {"text": stream.decode(token)}
        yield {"end": end, "completion_tokens": said}

    def _plain(self, text: str) -> str:
        return plain(text, self._special)

    def _prompt(self, system: str, user: str) -> str:
        """The request in the words of the model's own template; not every template knows a system message."""
        if not self._has_template:
            return f"{system}\n\n{user}\n\nAnswer:"
        apart = [{"role": "system", "content": system}, {"role": "user", "content": user}]
        try:
            return str(self._words.apply_chat_template(json.dumps(apart), add_generation_prompt=True))
        except RuntimeError:
            together = [{"role": "user", "content": f"{system}\n\n{user}"}]
            return str(self._words.apply_chat_template(json.dumps(together), add_generation_prompt=True))


def runtime() -> Any:
    """onnxruntime-genai, silent; raises LoadError."""
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # heard by it and by onnxruntime, if set before the import
    try:
        import onnxruntime_genai  # noqa: PLC0415
    except ImportError as error:
        raise LoadError(f"{NOT_INSTALLED} ({told(error)})") from error
    onnxruntime_genai.disable_telemetry_events()
    return onnxruntime_genai


def special_words(folder: Path) -> tuple[str, ...]:
    """The words that are commands to the model, such as the end of a message; longest first."""
    try:
        added = json.loads((folder / "tokenizer.json").read_text("utf-8"))["added_tokens"]
        found = {str(one["content"]) for one in added if one["special"] or one["content"].startswith("<|")}
    except (OSError, ValueError, LookupError, TypeError):
        return ()
    return tuple(sorted(found, key=len, reverse=True))


def plain(text: str, special: tuple[str, ...]) -> str:
    """The text without words that are commands to the model; a blank in their place joins no new ones."""
    for word in special:
        text = text.replace(word, " ")
    return text


def has_template(folder: Path) -> bool:
    """Whether the folder says how a conversation is written down for its model."""
    if (folder / "chat_template.jinja").exists():
        return True
    try:
        return bool(json.loads((folder / "tokenizer_config.json").read_text("utf-8")).get("chat_template"))
    except (OSError, ValueError):
        return False


def told(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}".replace("\n", " ")[:300]


def serve(speaker: Speaker, inbox: Inbox, replies: BinaryIO) -> None:
    """Answers until the parent closes the pipe."""
    while (request := inbox.wait()) is not None:
        if "stop" in request:
            continue  # what it should stop has ended already
        number = {"id": request["id"]}
        try:
            for frame in speaker.answer(request, inbox):
                send(replies, number | frame)
        except Exception as error:
            what = "memory" if isinstance(error, MemoryError) or "bad_alloc" in str(error) else "model"
            send(replies, number | {"error": what, "message": told(error)})


def send(replies: BinaryIO, frame: dict[str, Any]) -> None:
    replies.write(json.dumps(frame).encode() + b"\n")
    replies.flush()


def confine(settings: dict[str, Any]) -> None:
    """No outliving the parent, no network, first to go when memory is short, and a limit on memory.

    The limit is on data, not on addresses: a model's files are mapped, and what is only read of them can be
    given back at any time, while an arena that grows is what a limit has to stop.
    """
    spec = importlib.util.spec_from_file_location("child_jail", _JAIL)
    if spec is None or spec.loader is None:
        raise ImportError(str(_JAIL))
    jail: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(jail)
    jail.die_with(settings["parent_pid"])
    jail.step_back()
    for kind, most in (
        (resource.RLIMIT_DATA, settings["memory_bytes"]),
        (resource.RLIMIT_FSIZE, LOG_BYTES),
        (resource.RLIMIT_CORE, 0),
    ):
        hard = resource.getrlimit(kind)[1]
        ceiling = most if hard < 0 else min(most, hard)
        resource.setrlimit(kind, (ceiling, ceiling))
    jail.deny_network()


def main() -> int:
    """Locks itself in, loads, says how that went, serves."""
    settings = json.loads(sys.argv[1])
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what libraries print must not get between the frames
    # A service manager tells the whole group to stop; the service ends its children when it needs no more.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    confine(settings)
    try:
        speaker = Speaker(Path(settings["folder"]), settings["max_tokens"])
    except LoadError as error:
        send(replies, {"error": "setting", "message": str(error)})
        return 1
    except MemoryError:
        send(replies, {"error": "memory", "message": "the model needs more memory than memory_bytes"})
        return 1
    send(replies, {"ready": True})
    serve(speaker, Inbox(0), replies)
    return 0


if __name__ == "__main__":
    sys.exit(main())
