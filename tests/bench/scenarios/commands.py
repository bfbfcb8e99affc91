"""Command handlers: how fast they start, and how evenly two hosts share slow ones."""

from book import interleave
from drains import EMPTY, check_completed
from scenario import Scenario

FILL = "insert into schedctl.job_queue (job_type) select 'run' from generate_series(1, {jobs});"
SPAWN_JOBS = 2_000
SPAWN_VARIANTS = {str(places): f"max_concurrent_jobs = {places}" for places in (1, 2, 4, 8)}
HOARD_JOBS = 200
HOARD_PLACES = 4
HOARD_SECONDS = 0.1


def run_jobs(lab, database, jobs, hosts):
    database.sql(EMPTY + FILL.format(jobs=jobs))
    database.settle()
    seconds, costs = lab.measure_together([host.process() for host in hosts])
    check_completed(database, jobs)
    return {"jobs": jobs, "seconds": seconds, "jobs_per_s": jobs / seconds,
            "cpu_s": sum(cost.cpu_seconds for cost in costs), "rss_mb": max(cost.rss_mb for cost in costs)}


def spawn_contender(lab, jobs, places):
    database = lab.database("spawn")
    host = lab.host(database, places=places, argv=["/bin/true"])
    return lambda: run_jobs(lab, database, jobs, [host])


def spawn_limit(lab, jobs, places):
    def run():
        cost = lab.measure(lab.prototype("spawn", places, jobs, "/bin/true"))
        return {"jobs": jobs, "seconds": cost.seconds, "jobs_per_s": jobs / cost.seconds, "cpu_s": cost.cpu_seconds}
    return run


def run_spawn(lab, book, variants):
    jobs, contenders = lab.size(SPAWN_JOBS), {}
    for places in variants:
        contenders[f"places-{places}"] = spawn_contender(lab, jobs, int(places))
        contenders[f"posix_spawn-{places}"] = spawn_limit(lab, jobs, int(places))
    interleave(lab, book, "spawn", contenders)
    for places in variants:
        book.compare("spawn", f"places-{places}", f"posix_spawn-{places}", "jobs_per_s", ">= 0.8")


def run_hoard(lab, book, _):
    jobs = lab.size(HOARD_JOBS, 2 * HOARD_PLACES)
    database = lab.database("hoard")
    hosts = [lab.host(database, name, HOARD_PLACES, ["sleep", str(HOARD_SECONDS)]) for name in ("bench1", "bench2")]
    ideal = jobs * HOARD_SECONDS / (HOARD_PLACES * len(hosts))

    def contender():
        metrics = run_jobs(lab, database, jobs, hosts)
        return metrics | {"of_ideal": metrics["seconds"] / ideal}
    interleave(lab, book, "hoard", {"two-hosts": contender})
    book.limit("hoard", "two-hosts", "of_ideal", "<= 1.15")


SPAWN = Scenario("spawn", "2,000 commands beside bare posix_spawn and wait, both with captured output", run_spawn,
                 SPAWN_VARIANTS)
HOARD = Scenario("hoard", "200 jobs of 100 ms on two hosts with 4 places each, against the ideal time", run_hoard)
