"""Every way in which the scripted model server fails, with what a link makes of it."""

from dataclasses import dataclass
from typing import Final, Literal

Script = Literal[
    "ok", "hang", "slow_first", "stall", "cut", "length", "empty", "garbage", "html", "odd_json",
    "error_event", "400", "401", "404", "429", "500", "503",
    # 429 and 503_wait name a Retry-After of 7 s
    "307", "402", "403", "408", "409", "413", "502", "504", "429_bare", "503_wait", "500_endless",
    "refuse", "accept_and_hang", "drip_head", "drip_comments", "drip_roles", "drip_reasoning", "slow_tokens",
    "comments_after_text", "cut_first", "cut_chunked", "half_closed", "rst", "rst_later", "long_line",
    "flood", "json", "gzip", "content_filter", "end_and_rst", "tiny_writes",
    "finish_error", "tool_calls", "thoughts_only", "thoughts_cut", "thoughts_apart",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Fault:
    """A script and what a link makes of it.

    `code` is the reason in the answer, `state` the link's after one call; `sends_text` tells whether text was
    sent before, `waits` whether only a time limit ends it, `heals` whether a second try is made at once.
    """

    script: Script
    code: str = "llm_unavailable"
    state: Literal["closed", "open", "misconfigured"] = "closed"
    sends_text: bool = False
    waits: bool = False
    heals: bool = False


FAULTS: Final = (
    Fault("refuse"),
    Fault("rst", heals=True),
    Fault("rst_later", sends_text=True),
    Fault("cut_first", heals=True),
    Fault("cut", sends_text=True),
    Fault("cut_chunked", sends_text=True),
    Fault("half_closed", sends_text=True),
    Fault("accept_and_hang", "timeout", waits=True),
    Fault("hang", "timeout", waits=True),
    Fault("slow_first", "timeout", waits=True),
    Fault("stall", "timeout", sends_text=True, waits=True),
    Fault("drip_head", "timeout", waits=True),
    Fault("drip_comments", "timeout", waits=True),
    Fault("drip_roles", "timeout", waits=True),
    Fault("drip_reasoning", "timeout", waits=True),
    Fault("slow_tokens", "timeout", sends_text=True, waits=True),
    Fault("comments_after_text", "timeout", sends_text=True, waits=True),
    Fault("empty"),
    Fault("content_filter"),
    Fault("finish_error", sends_text=True),
    Fault("tool_calls", sends_text=True),
    Fault("thoughts_only"),
    Fault("thoughts_cut"),
    Fault("thoughts_apart"),
    Fault("garbage"),
    Fault("odd_json"),
    Fault("error_event"),
    Fault("html"),
    Fault("json"),
    Fault("gzip"),
    Fault("long_line"),
    Fault("flood"),
    Fault("400", "misconfigured", "misconfigured"),
    Fault("413", "prompt_too_long"),
    Fault("401", "misconfigured", "misconfigured"),
    Fault("402", "misconfigured", "misconfigured"),
    Fault("403", "misconfigured", "misconfigured"),
    Fault("404", "misconfigured", "misconfigured"),
    Fault("307", "misconfigured", "misconfigured"),
    Fault("408"),
    Fault("409"),
    Fault("429", state="open"),
    Fault("429_bare"),
    Fault("500"),
    Fault("500_endless"),
    Fault("502", heals=True),
    Fault("503", heals=True),
    Fault("503_wait", state="open"),
    Fault("504", heals=True),
)  # fmt: skip
