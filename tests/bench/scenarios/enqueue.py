"""Handing in jobs: the SQL functions beside plain INSERTs into the same table."""

import os

from book import interleave
from drains import EMPTY
from failure import Failure
from scenario import Scenario

JOBS_PER_STATEMENT = 1_000
VARIANTS = {"many": "enqueue_many with 1,000 jobs a statement beside INSERT of 1,000 rows: 100,000 jobs",
            "single": "enqueue beside INSERT, one job a statement and transaction: 5,000 jobs"}
SIZES = {"many": 100_000, "single": 5_000}
SLICES = {"many": 1, "single": 5}  # single commits wait for the disk, whose mood changes: short turns
INSERT = "INSERT INTO schedctl.job_queue (job_type, payload) VALUES "


def payload(number):
    return f'{{"id":{number}}}'


def function_many(numbers):
    jobs = ",".join(f'{{"job_type":"noop","payload":{payload(number)}}}' for number in numbers)
    return f"SELECT * FROM schedctl.enqueue_many('[{jobs}]')"


def insert(numbers):
    return INSERT + ",".join(f"('noop','{payload(number)}')" for number in numbers)


def function_single(numbers):
    return f"SELECT schedctl.enqueue('noop', '{payload(numbers[0])}')"


def write_statements(lab, name, jobs, size, statement):
    path = os.path.join(lab.folder, f"{name}.sql")
    with open(path, "w", encoding="utf-8") as file:
        for first in range(1, jobs + 1, size):
            file.write(statement(range(first, min(first + size, jobs + 1))) + "\n")
    return path


def statement_time(lab, database, jobs, path):
    """Only the statements count, not the start of the program that sends them."""
    def run():
        database.sql(EMPTY)
        database.settle()
        seconds = float(lab.output(lab.prototype("statements", database.conninfo, path)))
        stored = database.number("select count(*) from schedctl.job_queue")
        if stored != jobs:
            raise Failure(f"{jobs} jobs handed in, but {stored} in the queue")
        return {"jobs": jobs, "seconds": seconds, "jobs_per_s": jobs / seconds, "us_per_job": seconds / jobs * 1e6}
    return run


def run_variants(lab, book, variants):
    database = lab.database("enqueue")
    for variant in variants:
        jobs, size = lab.size(SIZES[variant] / SLICES[variant]), JOBS_PER_STATEMENT if variant == "many" else 1
        function = function_many if variant == "many" else function_single
        contenders = {}
        for name, statement in ((variant, function), (f"insert-{variant}", insert)):
            contenders[name] = statement_time(lab, database, jobs, write_statements(lab, name, jobs, size, statement))
        interleave(lab, book, "enqueue", contenders, SLICES[variant])
    if "many" in variants:
        book.compare("enqueue", "many", "insert-many", "jobs_per_s", ">= 0.75")
    if "single" in variants:
        book.compare("enqueue", "single", "insert-single", "us_per_job", "<= 1.3")


SCENARIO = Scenario("enqueue", "the functions for producers beside plain INSERTs", run_variants, VARIANTS)
