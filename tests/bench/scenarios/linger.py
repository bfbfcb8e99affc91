"""A run that lingers: from the commit of an enqueue to the start of the job's command."""

import os
import signal
import statistics

from book import interleave
from drains import EMPTY
from scenario import Scenario

JOBS = 1_000
INTERVAL_MS = 100


def percentile(values, share):
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def pick_up(lab, database, host, path, jobs):
    """Latencies in milliseconds of so many jobs, handed in one by one."""
    run = host.command("process", "--linger", "1h")
    process = lab.start(run.words, run.environment)
    lab.output(lab.prototype("pickup", database.conninfo, path, 1, 0))  # until the run lingers
    answer = lab.output(lab.prototype("pickup", database.conninfo, path, jobs, INTERVAL_MS))
    process.send_signal(signal.SIGTERM)
    lab.finish(process)
    return list(map(float, answer.split()))


def run(lab, book, _):
    database = lab.database("linger")
    path = os.path.join(lab.folder, "pickup")
    host = lab.host(database, argv=[lab.program("started"), path])

    def contender():
        database.sql(EMPTY)
        latencies = pick_up(lab, database, host, path, lab.size(JOBS, 10))
        return {"median_ms": statistics.median(latencies), "p99_ms": percentile(latencies, 0.99), "max_ms": max(latencies)}
    interleave(lab, book, "linger", {"pick-up": contender})
    book.limit("linger", "pick-up", "median_ms", "<= 3")
    book.limit("linger", "pick-up", "p99_ms", "<= 10")
    book.limit("linger", "pick-up", "max_ms", "")


SCENARIO = Scenario("linger", "commit of an enqueue to start of its command, in a run that lingers: 1,000 jobs, 10 a second",
                    run)
