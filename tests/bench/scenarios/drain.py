"""Jobs per second of trivial jobs, and whether the state of the queue or of the history changes the cost of a job."""

from book import interleave
from drains import Drain, PrototypeDrain
from scenario import Scenario

JOBS = 200_000
MILLION = 1_000_000

VARIANTS = {
    "prototype": "against a bare libpq prototype that writes the same history",
    "two-hosts": "two processes as two hosts",
    "backlog-1m": "1 M due jobs",
    "future-1m": "1 M jobs of tomorrow, at a higher priority, beside those that are due",
    "history-1m": "1 M finished jobs in the history",
    "history-10m": "10 M finished jobs in the history",
    "priorities-50": "jobs of 50 priorities",
    "types-1000": "as many jobs of 999 types that this host does not handle",
    "no-statistics": "freshly filled, never analyzed, no autovacuum",
    "snapshot": "while another session holds an old snapshot",
}
FLAT = "<= 1.2"
TARGETS = {"snapshot": "<= 1.3"}

TOMORROW = """
insert into schedctl.job_queue (job_type, payload, priority, scheduled_for)
select 'noop', json_build_object('id', i), 50, now() + interval '1 day' from generate_series(1, {count}) as i;
"""
# Negative ids: those of real executions are drawn from a sequence. Young enough for any retention.
FINISHED = """
insert into schedctl.job_executions (id, job_queue_id, started_at, finished_at, duration_ms, job_scheduled_for,
                                     job_created_at, attempt, priority, status, job_type, worker, payload)
select -i, -i, at, at, 0, at, at, 1, 5, 'completed', 'noop', 'bench:1', json_build_object('id', i)
  from generate_series(1, {count}) as i cross join lateral (select now() - i * interval '1 ms' as at) as finished;
"""
OTHER_TYPES = """
insert into schedctl.job_queue (job_type, payload)
select 'other-' || i % 999, json_build_object('id', i) from generate_series(1, {count}) as i;
"""
NO_STATISTICS = """
alter table schedctl.job_queue set (autovacuum_enabled = off);
alter table schedctl.job_executions set (autovacuum_enabled = off);
"""


def filled(template, count=0):
    def prepare(database):
        database.sql(template.format(count=count))
        database.settle()
    return prepare


def unsettled(database):
    database.sql(NO_STATISTICS)


def contender(lab, variant):
    jobs, million = lab.size(JOBS), lab.size(MILLION)

    def drain(prepare=None, **state):
        return Drain(lab, lab.database(variant, prepare), **({"jobs": jobs} | state))
    match variant:
        case "prototype": return PrototypeDrain(lab, lab.database(variant), jobs)
        case "two-hosts": return drain(hosts=2)
        case "backlog-1m": return drain(jobs=million)
        case "future-1m": return drain(filled(TOMORROW, million), fresh=False)
        case "history-1m": return drain(filled(FINISHED, million), fresh=False)
        case "history-10m": return drain(filled(FINISHED, 10 * million), fresh=False)
        case "priorities-50": return drain(columns=", priority", values=", i % 50")
        case "types-1000": return drain(filled(OTHER_TYPES, jobs), fresh=False)
        case "no-statistics": return drain(unsettled, settled=False)
        case "snapshot": return drain(snapshot=True)
        case _: return drain()


def run(lab, book, variants):
    interleave(lab, book, "drain", {name: contender(lab, name) for name in ("plain", *variants)})
    for name in variants:
        if name == "prototype":
            book.compare("drain", "plain", "prototype", "jobs_per_s", ">= 0.75")
        elif name == "two-hosts":
            book.compare("drain", name, "plain", "jobs_per_s", ">= 1.0")
        else:
            book.compare("drain", name, "plain", "us_per_job", TARGETS.get(name, FLAT))


SCENARIO = Scenario("drain", "200,000 trivial jobs by one process; variants against the plain one", run, VARIANTS)
