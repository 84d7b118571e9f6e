"""Counters, gauges and chance, of which a simulated service is made."""

import math
import random
from collections import defaultdict, deque
from dataclasses import dataclass, field

from kotaemon_async.telemetry.impacted import Impacted


@dataclass
class SimulatedFigures:
    """The names and labels of kotaemon_async.telemetry.metrics, and what a seed makes of chance."""

    seed: int
    now_s: float = 1_700_000_000.0
    impacted: deque[Impacted] = field(default_factory=lambda: deque(maxlen=500))

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.forget()

    def forget(self) -> None:
        """Every counter begins from zero."""
        self.counters: dict[str, dict[tuple[str, ...], float]] = defaultdict(lambda: defaultdict(float))

    def count(self, name: str, *labels: str, by: float = 1.0) -> None:
        self.counters[f"kotaemon_{name}"][labels] += by

    def observe(self, name: str, value: float, *labels: str) -> None:
        self.count(f"{name}_sum", *labels, by=value)
        self.count(f"{name}_count", *labels)

    def gauge(self, name: str, value: float, *labels: str) -> None:
        self.counters[f"kotaemon_{name}"][labels] = value

    def touch(self, component: str, code: str) -> None:
        self.count("affected_total", component, code)
        self.impacted.append(Impacted(self.now_s, f"{self.random.getrandbits(128):032x}", component, code))

    def http(self, route: str, status: int, duration_s: float) -> None:
        self.observe("http_request_duration_seconds", duration_s, route, str(status)[0])

    def poisson(self, mean: float) -> int:
        if mean > 30:
            return max(0, round(self.random.gauss(mean, math.sqrt(mean))))
        left, number = math.exp(-mean), 0
        chance = self.random.random()
        while chance > left:
            chance *= self.random.random()
            number += 1
        return number

    def about(self, middle: float, spread: float = 0.4) -> float:
        return middle * math.exp(self.random.gauss(0, spread))
