"""Where the scenarios work: databases, hosts that run schedctl, and commands whose cost is measured."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass

from failure import Failure


@dataclass(frozen=True)
class Cost:
    """Of one process, from its start to its end."""
    seconds: float
    cpu_seconds: float
    rss_mb: float


class Database:
    """A database with the schema of schedctl, and of the prototype."""

    def __init__(self, lab, name):
        self._server, self.name = lab.server, name
        self.conninfo, self.url = self._server.conninfo(name), self._server.url(name)

    def sql(self, statements):
        return self._server.sql(self.name, statements)

    def number(self, query):
        return int(self.sql(query))

    def snapshot(self):
        return self._server.snapshot(self.name)

    def settle(self):
        """So that each measurement begins alike: fresh statistics, nothing left to vacuum or to write."""
        self.sql("vacuum (analyze);\ncheckpoint;")


@dataclass(frozen=True)
class Command:
    words: list
    environment: dict


class Lab:
    def __init__(self, root, folder, server, rounds, scale):
        self.root, self.folder, self.server = root, folder, server
        self.rounds, self.scale = rounds, scale
        self._build = os.path.join(root, "build", "release")
        self._databases = {}
        self._running = []

    def size(self, count, least=1):
        """So many at the scale of this run."""
        return max(least, round(count * self.scale))

    def source(self, *path):
        return os.path.join(self.root, "tests", "bench", *path)

    @property
    def schedctl(self):
        return os.path.join(self._build, "schedctl")

    def program(self, name):
        return os.path.join(self._build, "tests", "bench", "programs", f"bench_{name}")

    def prototype(self, name, *arguments):
        return Command([self.program(name), *map(str, arguments)], {})

    # Databases

    def database(self, name, prepare=None):
        """The database of this name; `prepare` is called with it when it is new."""
        if name not in self._databases:
            self.server.sql("postgres", f'create database "{name}"')
            database = self._databases[name] = Database(self, name)
            self.measure(self.host(database).command("migrate"))
            with open(self.source("programs", "drain.sql"), encoding="utf-8") as file:
                database.sql(file.read())
            if prepare:
                print(f"{name}: filling the database", file=sys.stderr, flush=True)
                prepare(database)
        return self._databases[name]

    def drop_databases(self):
        for name in self._databases:
            self.server.sql("postgres", f'drop database if exists "{name}" with (force)')
        self._databases.clear()

    # Hosts

    def host(self, database, name="bench1", places=4, argv=None):
        """A host of schedctl with a configuration and a lock of its own; `argv` is what jobs of the type "run" do."""
        return Host(self, database, name, places, argv)

    # Costs

    def measure(self, command):
        """Runs one command to its end: its Cost."""
        _, costs = self.measure_together([command])
        return costs[0]

    def measure_together(self, commands):
        """Starts all commands at once: the seconds until the last has ended, and the Cost of each."""
        with tempfile.TemporaryFile("w+", dir=self.folder) as output:
            start = time.perf_counter()
            running = [self.start([self.program("measure"), *command.words], environment=command.environment,
                                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=output)
                       for command in commands]
            answers = [self.finish(process)[0] for process in running]
            seconds = time.perf_counter() - start
            output.seek(0)
            noise = output.read().strip()[-2000:]
        costs = [self._cost(command, answer, noise) for command, answer in zip(commands, answers)]
        return (costs[0].seconds if len(costs) == 1 else seconds), costs

    @staticmethod
    def _cost(command, answer, noise):
        place = " ".join(command.words)
        lines = answer.splitlines()  # what the command printed itself comes first
        if not lines or len(lines[-1].split()) != 4:
            raise Failure(f"{place}: could not be run: {noise}")
        seconds, cpu, kib, code = lines[-1].split()
        if int(code) != 0:
            raise Failure(f"{place}: exit code {code}: {noise}")
        return Cost(float(seconds), float(cpu), int(kib) / 1024)

    def output(self, command):
        """Runs one command to its end: what it prints."""
        process = self.start(command.words, command.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE)
        output, noise = self.finish(process)
        if process.returncode != 0:
            raise Failure(f"{' '.join(command.words)}: exit code {process.returncode}: {noise.strip()[-2000:]}")
        return output

    def start(self, words, environment=None, **options):
        """A process that does not outlive the benchmark, with nothing in its environment that could mislead it."""
        base = {key: os.environ[key] for key in ("PATH", "HOME", "LANG", "TZ") if key in os.environ}
        process = subprocess.Popen(words, env=base | (environment or {}), text=True, start_new_session=True, **options)
        self._running.append(process)
        return process

    def finish(self, process, text=None):
        """Waits for the end of a process: its standard output and standard error."""
        output = process.communicate(text)
        self._running.remove(process)
        return output

    def end_processes(self):
        for process in self._running:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        self._running.clear()


class Host:
    def __init__(self, lab, database, name, places, argv):
        self._lab, self._name = lab, name
        folder = os.path.join(lab.folder, "hosts", f"{database.name}-{name}-{places}")
        os.makedirs(folder, mode=0o700, exist_ok=True)
        self._config = os.path.join(folder, "schedctl.toml")
        lines = ["[database]", f"url = {json.dumps(database.url)}", "[process]", f"max_concurrent_jobs = {places}",
                 f"lock_file = {json.dumps(os.path.join(folder, 'lock'))}", 'max_runtime = "1h"']
        if argv:
            lines += ["[handler.run]", 'type = "command"', f"argv = {json.dumps(argv)}"]
        with open(os.open(self._config, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")

    def command(self, *arguments):
        return Command([self._lab.schedctl, "--config", self._config, *arguments], {"SCHEDCTL_HOST": self._name})

    def process(self):
        return self.command("process")
