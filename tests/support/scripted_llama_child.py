"""A child that plays llama.cpp's server: how it loads and what it says stands in `play.json` of its folder.

What it is asked goes to `asked.jsonl` beside it.
"""

import itertools
import json
import os
import socketserver
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

from kotaemon_async.resilience import child_jail
from kotaemon_async.resilience.child_frames import Frames

#: What may be changed by `play.json`.
PLAY: dict[str, Any] = {
    "loads_s": 0.0,  # before it is ready
    "dies": False,  # in place of that
    "report": {"commands": ["<|im_end|>"]},
    "stderr": "",  # at the start, and again before it dies
    "words": ["The crane", " was repaired", " in October", " [1]."],
    "never_ends": False,
    "pause_s": 0.0,  # between two words
    "dies_after": 10**9,  # words
    "context": 10**9,  # longest user message
}


class Handler(BaseHTTPRequestHandler):
    """Streams the words of the play."""

    play: dict[str, Any]
    folder: Path

    def do_POST(self) -> None:
        """Answers one request, to whoever has the key."""
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        with (self.folder / "asked.jsonl").open("a") as file:
            file.write(json.dumps(asked) + "\n")
        length = len(asked["messages"][1]["content"])
        if length > self.play["context"]:
            self._refuse(length)
            return
        self._head(200, "text/event-stream")
        words = self.play["words"]
        for number, word in enumerate(itertools.cycle(words) if self.play["never_ends"] else words):
            if number == self.play["dies_after"]:
                os.write(2, self.play["stderr"].encode())
                os._exit(1)
            self._event({"choices": [{"delta": {"content": word}}]})
            time.sleep(self.play["pause_s"])
        self._event({"choices": [{"delta": {}, "finish_reason": "stop"}]})
        self._event({"choices": [], "usage": {"prompt_tokens": length, "completion_tokens": len(words)}})
        self.wfile.write(b"data: [DONE]\n\n")

    def log_message(self, *args: object) -> None:
        """Says nothing."""

    def _head(self, status: int, kind: str) -> None:
        self.send_response(status)
        self.send_header("content-type", kind)
        self.end_headers()

    def _refuse(self, length: int) -> None:
        self._head(400, "application/json")
        error = {"code": 400, "message": "too long", "type": "exceed_context_size_error"}
        counts = {"n_prompt_tokens": length, "n_ctx": self.play["context"]}
        self.wfile.write(json.dumps({"error": error | counts}).encode())

    def _event(self, event: dict[str, Any]) -> None:
        self.wfile.write(b"data: " + json.dumps(event).encode() + b"\n\n")


class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    """One thread for each request."""

    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A reader who leaves is no error."""


def main() -> None:
    """Loads as it is told, then serves until its input ends."""
    frames = Frames.from_standard_streams()
    settings = frames.read()
    assert settings is not None
    child_jail.die_with(settings["parent_pid"])
    folder = Path(settings["path"])
    play = PLAY | json.loads((folder / "play.json").read_text())
    os.write(2, play["stderr"].encode())
    time.sleep(play["loads_s"])
    if play["dies"]:
        sys.exit(1)
    Handler.play, Handler.folder = play, folder.absolute()
    socket = Path(settings["socket"])
    os.chdir(socket.parent)  # the whole path may be longer than an address of a socket
    server = Server(socket.name, Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    frames.write(play["report"])
    frames.read()
    os._exit(0)


if __name__ == "__main__":
    main()
