"""Cost of a job and memory of the process, from a short queue to a very long one."""

from book import interleave
from drains import Drain, PrototypeDrain
from scenario import Scenario

SIZES = {"1k": 1_000, "10k": 10_000, "100k": 100_000, "1m": 1_000_000}


def run_backlog(lab, book, _):
    schedctl, prototype = lab.database("schedctl"), lab.database("prototype")
    contenders = {}
    for name, size in SIZES.items():
        contenders[f"schedctl-{name}"] = Drain(lab, schedctl, lab.size(size))
        contenders[f"prototype-{name}"] = PrototypeDrain(lab, prototype, lab.size(size))
    interleave(lab, book, "backlog", contenders)
    for name in SIZES:
        book.compare("backlog", f"schedctl-{name}", f"prototype-{name}", "us_per_job")
    book.compare("backlog", "schedctl-1m", "schedctl-100k", "us_per_job", "<= 1.2")


def run_memory(lab, book, _):
    database = lab.database("schedctl")
    interleave(lab, book, "memory", {name: Drain(lab, database, lab.size(size)) for name, size in SIZES.items()})
    for name in SIZES:
        book.limit("memory", name, "rss_mb", "< 40")
    book.compare("memory", "1m", "10k", "rss_mb", "<= 1.2")


def lines(book):
    """For the plot: name -> points (jobs, median cost of a job in microseconds)."""
    def points(contender):
        return [(book.median("backlog", f"{contender}-{name}", "jobs"),
                 book.median("backlog", f"{contender}-{name}", "us_per_job")) for name in SIZES]
    return {"schedctl": points("schedctl"), "libpq prototype": points("prototype")}


BACKLOG = Scenario("backlog", "cost of a job when 1 k to 1 M are due, beside the prototype; feeds --plot", run_backlog)
MEMORY = Scenario("memory", "peak memory when 1 k to 1 M jobs are due", run_memory)
