"""Draining a queue: what most scenarios do, with the queue, the history or the hosts in another state."""

import contextlib
from dataclasses import dataclass

from failure import Failure
from lab import Database

FILL = "insert into schedctl.job_queue (job_type, payload{columns}) " \
       "select 'noop', json_build_object('id', i){values} from generate_series(1, {jobs}) as i;"
EMPTY = "truncate schedctl.job_queue, schedctl.job_executions, schedctl.job_logs;"
FILL_PROTOTYPE = """
truncate bench.bench_job, bench.bench_execution;
insert into bench.bench_job (job_type, payload)
select 'noop', json_build_object('id', i) from generate_series(1, {jobs}) as i;
"""


@dataclass(frozen=True)
class Drain:
    """`jobs` due jobs that do nothing, run by `hosts` processes at once."""
    lab: object
    database: Database
    jobs: int
    columns: str = ""      # more columns of the jobs, such as ", priority"
    values: str = ""       # their values; i counts the jobs from 1
    fresh: bool = True     # begins with empty tables; else what was there before the first run stays
    settled: bool = True   # with statistics and nothing to vacuum
    snapshot: bool = False  # while another session holds an old snapshot
    hosts: int = 1

    def __call__(self):
        before = self._prepare()
        commands = [self.lab.host(self.database, f"bench{number + 1}").process() for number in range(self.hosts)]
        with self.database.snapshot() if self.snapshot else contextlib.nullcontext():
            seconds, costs = self.lab.measure_together(commands)
        check_completed(self.database, self.jobs, before)
        return metrics(self.jobs, seconds, costs)

    def _prepare(self):
        if self.fresh:
            self.database.sql(EMPTY)
        self.database.sql(FILL.format(columns=self.columns, values=self.values, jobs=self.jobs))
        if self.settled:
            self.database.settle()
        else:
            self.database.sql("checkpoint;")
        return last_execution(self.database)


@dataclass(frozen=True)
class PrototypeDrain:
    """The same by the prototype, with lean tables of its own."""
    lab: object
    database: Database
    jobs: int

    def __call__(self):
        self.database.sql(FILL_PROTOTYPE.format(jobs=self.jobs))
        self.database.settle()
        cost = self.lab.measure(self.lab.prototype("drain", self.database.conninfo))
        recorded = self.database.number("select count(distinct job_id) from bench.bench_execution")
        left = self.database.number("select count(*) from bench.bench_job")
        if (recorded, left) != (self.jobs, 0):
            raise Failure(f"prototype: {self.jobs} jobs, but {recorded} in its history and {left} left")
        return metrics(self.jobs, cost.seconds, [cost])


def metrics(jobs, seconds, costs):
    return {"jobs": jobs, "seconds": seconds, "jobs_per_s": jobs / seconds, "us_per_job": seconds / jobs * 1e6,
            "cpu_s": sum(cost.cpu_seconds for cost in costs), "rss_mb": max(cost.rss_mb for cost in costs)}


def last_execution(database):
    return database.number("select greatest(max(id), 0) from schedctl.job_executions")


def check_completed(database, jobs, after=0):
    """Exactly so many executions later than `after`, each completed and of another job."""
    counts = database.sql("select count(*), count(*) filter (where status = 'completed'), count(distinct job_queue_id) "
                          f"from schedctl.job_executions where id > {after}")
    executions, completed, distinct = map(int, counts.split("|"))
    if (executions, completed, distinct) != (jobs, jobs, jobs):
        raise Failure(f"{database.name}: {jobs} jobs, but {executions} executions, {completed} of them completed, "
                      f"of {distinct} different jobs")
