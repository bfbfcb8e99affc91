"""Measures schedctl beside the limits and the peers; started by scripts/bench, which builds what it needs."""

import argparse
import json
import os
import shutil
import signal
import sys
import tempfile

import machine
import plot
from book import Book, progress
from failure import Failure
from lab import Lab
from scenarios import backlog, commands, drain, enqueue, groups, linger, peers, tick
from server import Server

SCENARIOS = {scenario.name: scenario for scenario in (
    drain.SCENARIO, groups.SCENARIO, tick.SCENARIO, commands.SPAWN, commands.HOARD, enqueue.SCENARIO,
    linger.SCENARIO, backlog.MEMORY, backlog.BACKLOG, peers.SCENARIO)}
USAGE = 64


def positive(kind):
    def parse(text):
        value = kind(text)
        if not 0 < value < float("inf"):
            raise argparse.ArgumentTypeError(f"{text} is not above 0")
        return value
    return parse


def parse_arguments(words):
    parser = argparse.ArgumentParser(prog="bench", add_help=False)
    parser.error = lambda message: leave(USAGE, f"bench: {message}: see --help")
    parser.add_argument("--rounds", type=positive(int), default=5)
    parser.add_argument("--scale", type=positive(float), default=1.0)
    parser.add_argument("--json", metavar="FILE")
    parser.add_argument("--plot", metavar="FILE")
    parser.add_argument("--folder", default="/var/tmp")
    parser.add_argument("names", nargs="*")
    return parser.parse_intermixed_args(words)


def chosen(names):
    """What to run: scenario name -> names of its variants, all of them when none is named."""
    if not names:
        return {name: list(scenario.variants) for name, scenario in SCENARIOS.items()}
    choice, scenario = {}, None
    for name in names:
        if name in SCENARIOS:
            scenario = SCENARIOS[name]
            choice.setdefault(name, [])
        elif scenario and name in scenario.variants:
            choice[scenario.name].append(name)
        else:
            leave(USAGE, f'bench: "{name}" is no scenario{f" and no variant of {scenario.name}" if scenario else ""}: '
                         f'see "scripts/bench list"')
    return {name: list(dict.fromkeys(variants)) or list(SCENARIOS[name].variants) for name, variants in choice.items()}


def leave(code, message):
    print(message, file=sys.stderr)
    sys.exit(code)


def list_scenarios():
    for scenario in SCENARIOS.values():
        print(f"{scenario.name:<18}{scenario.description}")
        for name, line in scenario.variants.items():
            print(f"  {name:<16}{line}")


def writable(path):
    """Fails before the measuring, not after."""
    try:
        with open(path, "a", encoding="utf-8"):
            return path
    except OSError as error:
        leave(73, f"bench: {path} cannot be written: {error.strerror}")


def run_scenarios(lab, book, choice):
    for name, variants in choice.items():
        try:
            SCENARIOS[name].run(lab, book, variants)
        except Failure as failure:
            book.failures.append(f"{name}: {failure}")
            progress(f"FAILED: {name}: {failure}")
            lab.end_processes()
        lab.drop_databases()


def write_results(book, facts, arguments):
    print(machine.line(facts))
    print(f"medians of {arguments.rounds} rounds, contenders in turn; scale {arguments.scale:g}\n")
    print(book.table())
    for line in book.skipped:
        print(f"skipped: {line}")
    for line in book.failures:
        print(f"FAILED: {line}")
    if arguments.json:
        with open(arguments.json, "w", encoding="utf-8") as file:
            json.dump(book.document(facts, arguments.rounds, arguments.scale), file, indent=1)
            file.write("\n")
    if arguments.plot and not any(line.startswith("backlog:") for line in book.failures):
        caption = f"{facts['cores']} cores, {facts['cpu']}, PostgreSQL {facts['postgresql']['server_version']}, " \
                  f"{arguments.rounds} rounds"
        with open(arguments.plot, "w", encoding="utf-8") as file:
            file.write(plot.draw(backlog.lines(book), caption))


def measure(arguments, choice, root):
    try:
        folder = tempfile.mkdtemp(prefix="schedctl-bench-", dir=arguments.folder)
    except OSError as error:
        leave(73, f"bench: {arguments.folder}: {error.strerror}: name another folder with --folder")
    os.chmod(folder, 0o711)  # the user who runs the server gets through to its own folders
    server = Server(folder)
    lab = Lab(root, folder, server, arguments.rounds, arguments.scale)
    book = Book()
    try:
        server.start()
        facts = machine.describe(root, folder, server)
        run_scenarios(lab, book, choice)
        write_results(book, facts, arguments)
    finally:
        lab.end_processes()
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)
    return 1 if book.failures else 0


def end_by_signal(number, _):
    # The first one ends the run; what follows must not cut the cleaning up short.
    for other in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(other, signal.SIG_IGN)
    sys.exit(128 + number)


def main(words):
    if words == ["list"]:
        return list_scenarios()
    arguments = parse_arguments(words)
    choice = chosen(arguments.names)
    if arguments.plot and "backlog" not in choice:
        leave(USAGE, 'bench: --plot shows the scenario "backlog": name it too')
    for path in filter(None, (arguments.json, arguments.plot)):
        writable(path)
    for key in [key for key in os.environ if key.startswith("PG")]:
        del os.environ[key]  # they would lead psql elsewhere
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, end_by_signal)
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    try:
        return measure(arguments, choice, root)
    except Failure as failure:
        leave(1, f"bench: {failure}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
