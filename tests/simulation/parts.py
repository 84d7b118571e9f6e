"""What a simulated service is made of, and what may be wrong with it."""

from dataclasses import dataclass


@dataclass
class Parts:
    """What is wrong with which part; a fault changes one of these."""

    llm_is_up: bool = True
    llm_slowness: float = 1.0
    rebuild_left: float = 0.0
    vectors_killed_every_s: float = 0.0
    embedder_works: bool = True
    broker_answers: bool = True
    disk_eaten_bytes_s: float = 0.0
    leak_bytes_s: float = 0.0
    loop_block_s: float = 0.0
    bad_share: float = 0.03
    crash_share: float = 0.002
    ledger_delay_s: float = 0.0
    ledger_works: bool = True
    load: float = 1.0
    flood_per_s: float = 0.0


@dataclass
class Doc:
    """A queued document."""

    pages: int
    since_s: float
    crashes: bool
    bad: bool
    tries: int = 0
    due_s: float = 0.0
