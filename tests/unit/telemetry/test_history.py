from kotaemon_async.telemetry import metrics
from kotaemon_async.telemetry.history import SAMPLES, History


class Service:
    """Figures that a test sets, and a clock that it moves."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.totals = {"pages": 0.0, "search_sum": 0.0, "search_count": 0.0}
        self.history = History(
            read=lambda: ({"queue_depth": 2.0}, dict(self.totals)), clock=lambda: self.now_s
        )

    def passes(self, seconds: float, **grown: float) -> dict[str, float | None]:
        self.now_s += seconds
        for name, value in grown.items():
            self.totals[name] += value
        self.history.take()
        return self.history.after(0.0)[-1].values


def test_rates_are_those_since_the_moment_before() -> None:
    service = Service()
    assert service.passes(5)["pages_per_s"] is None
    assert service.passes(5, pages=40)["pages_per_s"] == 8.0
    assert service.passes(5)["pages_per_s"] == 0.0


def test_a_mean_of_nothing_is_not_told() -> None:
    service = Service()
    service.passes(5)
    assert service.passes(5, search_sum=0.3, search_count=2)["search_s"] == 0.15
    assert service.passes(5)["search_s"] is None


def test_a_counter_that_begins_anew_gives_no_negative_rate() -> None:
    service = Service()
    service.passes(5, pages=40)
    assert service.passes(5, pages=-40)["pages_per_s"] == 0.0


def test_no_more_than_half_an_hour_is_kept_and_only_the_news_are_given() -> None:
    service = Service()
    for _ in range(SAMPLES + 10):
        service.passes(5)
    assert len(service.history.after(0.0)) == SAMPLES
    assert [moment.at_s for moment in service.history.after(service.now_s - 10)] == [
        service.now_s - 5,
        service.now_s,
    ]


def test_the_figures_are_those_of_the_metrics() -> None:
    history = History(clock=iter([10.0, 20.0]).__next__)
    history.take()
    metrics.INGEST_PAGES.inc(50)
    metrics.HTTP_REQUEST_DURATION.labels("POST", "/api/v1/search", "200").observe(0.25)
    history.take()
    values = history.after(15.0)[0].values
    assert (values["pages_per_s"], values["search_s"]) == (5.0, 0.25)
