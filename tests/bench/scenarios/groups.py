"""Jobs in groups on two hosts, with the history as the witness that no two of a group ran at once."""

from book import interleave
from drains import Drain, last_execution
from failure import Failure
from scenario import Scenario

JOBS = 20_000
JOBS_PER_GROUP = 20
OVERLAPS = """select count(*) from (
  select started_at, max(finished_at) over (partition by group_key order by started_at, id
                                            rows between unbounded preceding and 1 preceding) as busy_until
    from schedctl.job_executions where id > {after} and group_key is not null) e
 where started_at < busy_until"""


class Witnessed:
    """A drain whose executions are looked through for two of a group that overlap in time."""

    def __init__(self, drain):
        self._drain = drain

    def __call__(self):
        database = self._drain.database
        before = last_execution(database)
        metrics = self._drain()
        overlaps = database.number(OVERLAPS.format(after=before))
        if overlaps:
            raise Failure(f"{overlaps} jobs ran while another of their group did")
        return metrics


def run(lab, book, _):
    jobs = lab.size(JOBS, JOBS_PER_GROUP)
    groups = max(1, jobs // JOBS_PER_GROUP)
    interleave(lab, book, "groups", {
        "plain": Drain(lab, lab.database("plain"), jobs),
        "grouped": Witnessed(Drain(lab, lab.database("grouped"), jobs, columns=", group_key",
                                   values=f", 'group-' || i % {groups}", hosts=2))})
    book.compare("groups", "grouped", "plain", "jobs_per_s", ">= 0.333")


SCENARIO = Scenario("groups", "20,000 jobs in 1,000 groups on two hosts; fails when two of a group run at once", run)
