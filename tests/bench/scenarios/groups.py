"""Jobs in groups on two hosts, watched by a witness that no group ever has two jobs running."""

import subprocess

from book import interleave
from drains import Drain
from failure import Failure
from scenario import Scenario

JOBS = 20_000
JOBS_PER_GROUP = 20
WITNESS = ("select group_key || ': ' || count(*) from schedctl.job_queue "
           "where status = 'running' and group_key is not null group by group_key having count(*) > 1")


class Watched:
    """A drain under the eyes of the witness."""

    def __init__(self, drain):
        self._drain, self._lab, self._database = drain, drain.lab, drain.database

    def __call__(self):
        witness = self._lab.start([self._lab.program("witness"), self._database.conninfo, WITNESS],
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        metrics = self._drain()
        answer = self._lab.finish(witness, "")[0].split(maxsplit=1)
        if witness.returncode != 0 or not answer:
            raise Failure("the witness failed")
        if len(answer) > 1:
            raise Failure(f"the witness saw more than one running job of {answer[1].strip()}")
        return metrics | {"samples": int(answer[0])}


def run(lab, book, _):
    jobs = lab.size(JOBS, JOBS_PER_GROUP)
    groups = max(1, jobs // JOBS_PER_GROUP)
    interleave(lab, book, "groups", {
        "plain": Drain(lab, lab.database("plain"), jobs),
        "grouped": Watched(Drain(lab, lab.database("grouped"), jobs, columns=", group_key",
                                 values=f", 'group-' || i % {groups}", hosts=2))})
    book.compare("groups", "grouped", "plain", "jobs_per_s", ">= 0.333")


SCENARIO = Scenario("groups", "20,000 jobs in 1,000 groups on two hosts; fails when two of a group run at once", run)
