"""graphile-worker, the fastest peer known, in the configuration that it recommends for throughput."""

import json
import os
import shutil
import subprocess

from book import interleave, progress
from drains import Drain, metrics
from failure import Failure
from lab import Cost
from scenario import Scenario

JOBS = 200_000
VARIANTS = {"1-process": "one process of graphile-worker", "2-processes": "two of them"}
FILL = """
truncate graphile_worker._private_jobs;
select count(*) from generate_series(1, {jobs}, 1000) as first cross join lateral graphile_worker.add_jobs(array(
  select json_populate_record(null::graphile_worker.job_spec,
                              json_build_object('identifier', 'noop', 'payload', json_build_object('id', i)))
    from generate_series(first, least(first + 999, {jobs})) as i)) as added;
"""


class Unavailable(Exception):
    """Why there is no peer to measure."""


def install(lab):
    """Installs the peer below the folder of this run: its version. Raises Unavailable."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if not node or not npm:
        raise Unavailable("node and npm are not installed")
    major = int(subprocess.run([node, "-p", "process.versions.node.split('.')[0]"], capture_output=True, text=True,
                               check=True).stdout)
    version = "0.18.0" if major >= 22 else "0.17.3"  # the newest that this node can run
    folder = os.path.join(lab.folder, "peers")
    os.makedirs(folder, exist_ok=True)
    npm_process = lab.start([npm, "install", "--no-audit", "--no-fund", "--prefix", folder, f"graphile-worker@{version}"],
                            os.environ, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    output, _ = lab.finish(npm_process)
    if npm_process.returncode != 0:
        raise Unavailable(f"npm could not install graphile-worker {version}: {output.strip()[-300:]}")
    shutil.copy(lab.source("scenarios", "graphile.js"), folder)
    progress(f"peers: graphile-worker {version}")
    return version


class Peer:
    """Module loading and connecting are left out of its time, while the whole process of schedctl counts."""

    def __init__(self, lab, database, version, jobs, processes):
        self._lab, self._database, self._version = lab, database, version
        self._jobs, self._processes = jobs, processes

    def start(self, action):
        return self._lab.start([shutil.which("node"), os.path.join(self._lab.folder, "peers", "graphile.js"), action,
                                self._database.url], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)

    def migrate(self):
        process = self.start("migrate")
        self._lab.finish(process)
        if process.returncode != 0:
            raise Failure("graphile-worker could not make its tables")

    def __call__(self):
        self._database.sql(FILL.format(jobs=self._jobs))
        self._database.settle()
        running = [self.start("drain") for _ in range(self._processes)]
        outputs = [self._lab.finish(process)[0] for process in running]
        if any(process.returncode != 0 for process in running):
            raise Failure("graphile-worker failed")
        answers = [json.loads(output) for output in outputs]
        done = sum(answer["jobs"] for answer in answers)
        if done != self._jobs:
            raise Failure(f"{self._jobs} jobs, but graphile-worker ran {done}")
        seconds = (max(answer["end"] for answer in answers) - min(answer["start"] for answer in answers)) / 1e3
        costs = [Cost(seconds, answer["cpu_s"], answer["rss_mb"]) for answer in answers]
        return metrics(self._jobs, seconds, costs) | {"version": self._version}


def run(lab, book, variants):
    try:
        version = install(lab)
    except Unavailable as reason:
        book.skipped.append(f"peers: {reason}")
        return
    jobs, database = lab.size(JOBS), lab.database("graphile")
    contenders = {"schedctl": Drain(lab, lab.database("schedctl"), jobs)}
    names = [f"graphile-worker-{variant}" for variant in variants]
    for name, variant in zip(names, variants):
        contenders[name] = Peer(lab, database, version, jobs, int(variant[0]))
    contenders[names[0]].migrate()
    interleave(lab, book, "peers", contenders)
    for name in names:
        book.compare("peers", "schedctl", name, "jobs_per_s", ">= 2.0")


SCENARIO = Scenario("peers", "graphile-worker with its batching on, which keeps no history (needs node and npm)", run,
                    VARIANTS)
