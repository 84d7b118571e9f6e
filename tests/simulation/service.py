"""A service that exists in figures only: traffic by a seed, and what the real one's metrics would show of it.

It writes the names of kotaemon_async.telemetry.metrics at the places where the code does (dispatch, ingest,
answering, admission, middleware), knows nothing of the detector, and has faults that change the parts, not
the figures.
"""

import math
from dataclasses import dataclass, field

from kotaemon_async.operations.incidents.signals import BAD_CODES, Reading
from kotaemon_async.resilience.breaker import Breaker
from tests.simulation.figures import SimulatedFigures

TICK_S = 5.0
MB = 1024.0**2
GB = 1024.0**3
#: What two cores do, and how many calls the link takes at once.
PAGES_PER_S = 14.0
LLM_PLACES = 4
UPLOADS_PER_TICK = 40
MAX_QUEUED = 600


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


@dataclass
class SimulatedService(SimulatedFigures):
    """One process after the other over the same disk; every tick ends with a reading."""

    parts: Parts = field(default_factory=Parts)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.free_bytes = 60 * GB
        self.queue: list[Doc] = []
        self.busy_until_s = self.pause_until_s = 0.0
        self.burst = 1.0
        self.leaked_bytes = 0.0
        self.ended = {"ready": 0, "failed": 0}
        self.restart()

    def restart(self) -> None:
        """Another process: counters from zero, breakers closed, memory small."""
        self.forget()
        self.born_s = self.now_s
        self.leaked_bytes = 0.0
        self.breakers = {
            name: Breaker(name, clock=lambda: self.now_s) for name in ("primary", "vectors", "embedder")
        }
        self.last_code = "llm_unavailable"
        self.busy_pages = 0.0

    # time

    def tick(self) -> Reading:
        """Five seconds pass."""
        self.now_s += TICK_S
        parts = self.parts
        activity = self._activity()
        questions = self.poisson(0.18 * TICK_S * activity * parts.load)
        for _ in range(questions):
            self._question(questions)
        for _ in range(self.poisson(0.06 * TICK_S * activity * parts.load)):
            self.http("/api/v1/search", 200, self._search())
        for _ in range(self.poisson(0.3 * TICK_S * activity * parts.load)):
            ok = parts.ledger_works
            self.http(
                "/api/v1/documents/{document_id}", 200 if ok else 503, self.about(0.004) + self._delay()
            )
        self._uploads(activity)
        self._ingest()
        self._background()
        return self._reading()

    def _activity(self) -> float:
        """People come in waves; at night nearly nobody; now and then it is quiet, or many come at once."""
        if self.now_s > self.busy_until_s:
            self.burst = 1.0
            if self.random.random() < 0.004:
                self.burst, self.busy_until_s = (
                    self.random.uniform(2, 4),
                    self.now_s + self.random.uniform(30, 240),
                )
        if self.random.random() < 0.002:
            self.pause_until_s = self.now_s + self.random.uniform(60, 900)
        if self.now_s < self.pause_until_s:
            return 0.0
        hour = (self.now_s / 3600) % 24
        daily = 0.04 + 0.96 * max(0.0, math.sin(math.pi * (hour - 6) / 14)) if 6 <= hour <= 20 else 0.04
        return daily * self.burst

    def _late(self) -> float:
        """What everything has to wait for: the loop."""
        block_s = self.parts.loop_block_s
        return self.random.uniform(0, block_s) if self.random.random() < block_s / 4 else 0.0

    def _delay(self) -> float:
        """The loop, and the ledger."""
        return self._late() + (self.about(self.parts.ledger_delay_s) if self.parts.ledger_delay_s else 0.0)

    # answering

    def _search(self) -> float:
        """How long a search takes; what it lacks is noted."""
        took_s = self.about(0.018) + self._delay() + 0.04 * (self.busy_pages > 0)
        parts = self.parts
        if parts.vectors_killed_every_s:
            took_s += self.random.uniform(0, 4)  # the next child loads its index
            self.touch("vectors", "vectors_unavailable")
        if parts.rebuild_left > 0:
            self.touch("vectors", "vectors_rebuilding")
        breaker = self.breakers["embedder"]
        if not breaker.allow():
            self.touch("embedder", "embedder_unavailable")
        elif not parts.embedder_works:
            breaker.failure()
            self.touch("embedder", "embedder_unavailable")
        else:
            breaker.success()
        if not parts.ledger_works:
            self.touch("ledger", "ledger_unavailable")
        elif took_s > 2 and parts.ledger_delay_s:
            self.touch("ledger", "timeout")
        return min(took_s, 4.0)

    def _question(self, at_once: int) -> None:
        took_s, served_by = self._search(), "primary"
        if not self.parts.ledger_works:
            served_by = "busy"
        elif self.random.random() > 0.1:  # not asked before
            code, first_s, more_s = self._ask_model(at_once)
            if code is None:
                self.observe("llm_time_to_first_token_seconds", first_s, "primary")
            else:
                served_by = "stale_cache" if self.random.random() < 0.15 else "extractive"
                self.count("fallbacks_total", "primary", served_by, code)
                self.touch("primary", code)
            took_s += first_s + more_s
        self.count("answers_total", served_by)
        self.observe("answer_duration_seconds", took_s, served_by)
        self.http("/api/v1/answers", 200, took_s)

    def _ask_model(self, at_once: int) -> tuple[str | None, float, float]:
        """Why there is no answer, the time to the first token, the time from there on."""
        breaker, parts = self.breakers["primary"], self.parts
        if not breaker.allow():
            return self.last_code, 0.0, 0.0
        if not parts.llm_is_up or self.random.random() < 0.004:
            breaker.failure()
            self.last_code = "llm_unavailable"
            return self.last_code, self.about(0.01), 0.0
        waiting_s = max(0, at_once - LLM_PLACES) * self.about(0.8)
        first_s = self.about(0.6) * parts.llm_slowness + waiting_s + self._late()
        if first_s > 15:
            breaker.failure()
            self.last_code = "timeout"
            return self.last_code, 15.0, 0.0
        more_s = self.about(2.5) * min(parts.llm_slowness, 4)
        if first_s + more_s > 27:
            self.last_code = "timeout"
            return self.last_code, 27.0, 0.0
        breaker.success()
        return None, first_s, more_s

    # documents

    def _uploads(self, activity: float) -> None:
        number = self.poisson(0.02 * TICK_S * activity * self.parts.load)
        if self.random.random() < 0.0015 * min(1, activity * 3):
            number += self.random.randint(5, 60)  # somebody drops a folder
        for place in range(number):
            self._upload(place)
        for place in range(self.poisson(self.parts.flood_per_s * TICK_S)):
            self._upload(number + place, bad=True)

    def _upload(self, place: int, *, bad: bool = False) -> None:
        parts, size_bytes = self.parts, self.about(0.6 * MB, 1.0)
        status = 202
        if self.free_bytes < 0.5 * GB:
            self.count("admission_rejections_total", "disk_full")
            status = 507
        elif place >= UPLOADS_PER_TICK or len(self.queue) >= MAX_QUEUED:
            self.count("admission_rejections_total", "busy")
            status = 429
        elif not parts.ledger_works:
            status = 503
        else:
            crashes = self.random.random() < parts.crash_share
            bad = bad or self.random.random() < parts.bad_share
            self.queue.append(Doc(max(1, int(self.about(8, 0.8))), self.now_s, crashes, bad))
            self.free_bytes -= size_bytes
        self.http("/api/v1/documents", status, self.about(0.03) + self._delay())

    def _ingest(self) -> None:
        """The queue's head is read; who cannot be served waits for a later turn."""
        parts = self.parts
        budget = PAGES_PER_S * TICK_S * self.random.uniform(0.8, 1.1) / (1 + 4 * parts.loop_block_s)
        budget /= 1 + 20 * parts.ledger_delay_s
        stopped = not parts.broker_answers or not parts.ledger_works or self.free_bytes < 0.25 * GB
        self.busy_pages = 0.0
        for doc in list(self.queue):
            if budget <= 0 or stopped:
                break
            if doc.due_s > self.now_s:
                continue
            budget -= self._read(doc)
            self.free_bytes -= 12_000 * doc.pages

    def _read(self, doc: Doc) -> float:
        """What it cost, in pages."""
        if doc.bad or doc.crashes:
            self.count("child_restarts_total", "parser")
            self._end_badly(doc)
            return 1.0
        if not self.parts.embedder_works:
            self._postpone(doc, 10 * 3**doc.tries)
            self.touch("embedder", "embedder_unavailable")
            return 1.0
        for _ in range(math.ceil(doc.pages / 8)):
            self.observe("ingest_stage_duration_seconds", self.about(0.08) + self._late(), "parsing")
            self.observe("ingest_stage_duration_seconds", self.about(0.9) + self._late(), "embedding")
        self.count("ingest_pages_total", by=doc.pages)
        self.busy_pages += doc.pages
        self.ended["ready"] += 1
        self.queue.remove(doc)
        return doc.pages

    def _end_badly(self, doc: Doc) -> None:
        if doc.crashes and doc.tries < 2:
            self._postpone(doc, 1 * 3**doc.tries)
            self.touch("parser", "parser_unavailable")
            return
        codes = ["corrupt", "parser_limit"] if doc.crashes else sorted(BAD_CODES)
        code = self.random.choice(codes)
        self.count("ingest_failures_total", code)
        self.ended["failed"] += 1
        self.touch("parser" if doc.crashes else "documents", code)
        self.queue.remove(doc)

    def _postpone(self, doc: Doc, wait_s: float) -> None:
        doc.tries += 1
        doc.due_s = self.now_s + wait_s * self.random.uniform(0.5, 1)

    # all else

    def _background(self) -> None:
        parts, chance = self.parts, self.random
        turns = max(1, int(TICK_S / (0.1 + parts.loop_block_s / 20)))
        for _ in range(turns):
            lag_s = chance.expovariate(1 / (0.0015 + 0.004 * (self.busy_pages > 0)))
            self.observe("event_loop_lag_seconds", lag_s)
        if parts.loop_block_s and chance.random() < 0.85:
            self.observe("event_loop_lag_seconds", parts.loop_block_s)
            self.count("loop_stalls_total", by=1)
        if chance.random() < 0.0008:  # a page fault storm, a noisy neighbour
            self.observe("event_loop_lag_seconds", chance.uniform(0.2, 0.6))
            self.count("loop_stalls_total")
        if chance.random() < 0.00006:
            self.count("child_restarts_total", "vectors")
        if parts.vectors_killed_every_s and chance.random() < TICK_S / parts.vectors_killed_every_s:
            self.count("child_restarts_total", "vectors")
            self.observe("event_loop_lag_seconds", chance.uniform(0, 0.2))
        self.free_bytes -= parts.disk_eaten_bytes_s * TICK_S
        self.free_bytes = max(0.0, self.free_bytes)
        self.leaked_bytes += parts.leak_bytes_s * TICK_S
        parts.rebuild_left = max(0.0, parts.rebuild_left - TICK_S / 240)

    def _memory(self) -> dict[str, float]:
        age_s = self.now_s - self.born_s
        warm = 1 - math.exp(-age_s / 700)
        main = 330 * MB + 90 * MB * warm + (60 * MB if self.busy_pages else 0) + self.random.gauss(0, 4 * MB)
        parser = 60 * MB + self.random.expovariate(1 / (40 * MB)) * (self.busy_pages > 0)
        vectors = 150 * MB + 10 * MB * warm + self.random.gauss(0, 2 * MB)
        return {"main": main + self.leaked_bytes, "parser": parser, "vectors": vectors}

    def _reading(self) -> Reading:
        parts = self.parts
        for process, used in self._memory().items():
            self.gauge("memory_bytes", used, process)
        used = sum(self.counters["kotaemon_memory_bytes"].values())
        limit = 2 * GB
        waves = 30 * MB * math.sin(self.now_s / 1500) + self.random.gauss(0, 3 * MB)
        self.gauge("memory_limit_bytes", limit)
        self.gauge("memory_pressure", 2.0 if used > 0.9 * limit else 1.0 if used > 0.75 * limit else 0.0)
        self.gauge("disk_free_bytes", max(0.0, self.free_bytes + waves))
        self.gauge("disk_floor_bytes", 0.5 * GB)
        self.gauge("vector_rebuild_ratio", 1 - parts.rebuild_left)
        self.gauge(
            "vector_log_behind", 60_000 * parts.rebuild_left + self.busy_pages * self.random.random() * 5
        )
        for name, breaker in self.breakers.items():
            self.gauge("breaker_state", float(breaker.state != "closed"), name)
        if parts.ledger_works:
            self.gauge("queue_depth", len(self.queue))
            for status, number in self.ended.items():
                self.gauge("documents", number, status)
            oldest_s = min((doc.since_s for doc in self.queue), default=self.now_s)
            self.gauge("queue_oldest_age_seconds", self.now_s - oldest_s)
        if not parts.broker_answers:
            self.count("child_restarts_total", "worker", by=TICK_S / 8)
        write_s = self.about(0.005, 0.5) + self.about(parts.ledger_delay_s or 1e-6, 0.3)
        write_s += self.random.expovariate(100) * (self.busy_pages > 0)
        if self.random.random() < 0.002:
            write_s += self.random.uniform(0.3, 0.9)
        figures = {name: dict(labels) for name, labels in self.counters.items()}
        return Reading(
            self.now_s, figures, self._health(used / limit), write_s if parts.ledger_works else None
        )

    def _health(self, memory_ratio: float) -> dict[str, str]:
        parts = self.parts
        found = {
            "ledger": "" if parts.ledger_works else "ledger_unavailable",
            "memory": "memory_high" if memory_ratio > 0.9 else "",
            "disk": "disk_full" if self.free_bytes < 0.5 * GB else "",
            "vectors": "vectors_rebuilding" if parts.rebuild_left > 0 else "",
            "embedder": "" if parts.embedder_works else "embedder_unavailable",
            "broker": "" if parts.broker_answers else "broker_unavailable",
            "worker": "" if parts.broker_answers else "broker_unavailable",
            "event_loop": "",
        }
        if not parts.ledger_works:
            found["vectors"] = "ledger_unavailable"
        if self.random.random() < 0.0005:  # a check that was late once
            found[self.random.choice(["vectors", "embedder", "broker"])] = "timeout"
        return found
