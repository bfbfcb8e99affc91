"""An empty tick: the whole process when nothing is due."""

from book import interleave
from scenario import Scenario
from scenarios.drain import TOMORROW, filled

RUNS_PER_ROUND = 50
VARIANTS = {"empty": "an empty queue", "tomorrow-1m": "1 M jobs of tomorrow"}


def whole_process(lab, command):
    def run():
        cost = lab.measure(command)
        return {"wall_ms": cost.seconds * 1e3, "cpu_ms": cost.cpu_seconds * 1e3, "rss_mb": cost.rss_mb}
    return run


def run_variants(lab, book, variants):
    contenders = {}
    for variant in variants:
        prepare = filled(TOMORROW, lab.size(1_000_000)) if variant == "tomorrow-1m" else None
        database = lab.database(variant, prepare)
        contenders[variant] = whole_process(lab, lab.host(database).process())
    contenders["libpq"] = whole_process(lab, lab.prototype("tick", lab.database(variants[0]).conninfo))
    interleave(lab, book, "tick", contenders, repeat=RUNS_PER_ROUND)
    for variant in variants:
        book.compare("tick", variant, "libpq", "wall_ms", "<= 2.0")
        book.compare("tick", variant, "libpq", "cpu_ms")
        book.limit("tick", variant, "rss_mb", "< 15")


SCENARIO = Scenario("tick", "an empty tick beside a bare libpq program: connect, one SELECT", run_variants, VARIANTS)
