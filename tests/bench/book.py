"""Every run, what follows from them, and how it is shown."""

import operator
import statistics
import sys
from dataclasses import asdict, dataclass

UNITS = {"jobs_per_s": "jobs/s", "us_per_job": "us/job", "wall_ms": "ms wall", "cpu_ms": "ms CPU", "rss_mb": "MB",
         "seconds": "s", "of_ideal": "x ideal", "median_ms": "ms median", "p99_ms": "ms p99", "max_ms": "ms worst"}
OPERATORS = {">=": operator.ge, "<=": operator.le, "<": operator.lt}
COLUMNS = ("scenario", "what", "value", "against", "ratio", "(min-max)", "target", "")


@dataclass(frozen=True)
class Result:
    scenario: str
    contender: str
    metric: str
    value: float  # median over the rounds
    against: str  # another contender; empty: the value itself is held against the target
    against_value: float
    ratio: float  # median of the rounds' ratios, so that a drift of the machine between rounds cancels out
    ratio_min: float
    ratio_max: float
    target: str  # such as ">= 0.75"; empty: for information
    verdict: str  # pass or miss


def shown(value):
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


class Book:
    def __init__(self):
        self.runs, self.results, self.failures, self.skipped = [], [], [], []

    def add(self, scenario, contender, number, metrics):
        """Keeps one run of a contender in a round."""
        self.runs.append({"scenario": scenario, "contender": contender, "round": number} | metrics)

    def by_round(self, scenario, contender, metric):
        """The median of each round; of one run when a round has only one."""
        rounds = {}
        for run in self.runs:
            if (run["scenario"], run["contender"]) == (scenario, contender):
                rounds.setdefault(run["round"], []).append(run[metric])
        return {number: statistics.median(values) for number, values in rounds.items()}

    def median(self, scenario, contender, metric):
        return statistics.median(self.by_round(scenario, contender, metric).values())

    def compare(self, scenario, contender, against, metric, target=""):
        """Holds one contender against another of the same rounds."""
        mine, other = (self.by_round(scenario, name, metric) for name in (contender, against))
        ratios = [mine[number] / other[number] for number in mine if number in other]
        self._conclude(scenario, contender, metric, against, statistics.median(other.values()), ratios, target)

    def limit(self, scenario, contender, metric, target):
        """Holds a contender's own value against the target."""
        values = list(self.by_round(scenario, contender, metric).values())
        self._conclude(scenario, contender, metric, "", 0.0, values, target)

    def _conclude(self, scenario, contender, metric, against, against_value, ratios, target):
        ratio, verdict = statistics.median(ratios), ""
        if target:
            sign, bound = target.split()
            verdict = "pass" if OPERATORS[sign](ratio, float(bound)) else "miss"
        self.results.append(Result(scenario, contender, metric, self.median(scenario, contender, metric), against,
                                   against_value, ratio, min(ratios), max(ratios), target, verdict))

    def table(self):
        rows = [COLUMNS] + [self._row(result) for result in self.results]
        widths = [max(len(row[column]) for row in rows) for column in range(len(COLUMNS))]
        lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows]
        return "\n".join([lines[0], "  ".join("-" * width for width in widths if width), *lines[1:]])

    @staticmethod
    def _row(result):
        value = f"{shown(result.value)} {UNITS[result.metric]}"
        against = f"{result.against} {shown(result.against_value)}" if result.against else ""
        ratio = f"{result.ratio:.2f}" if result.against else ""
        spread = f"({shown(result.ratio_min)}-{shown(result.ratio_max)})"
        return (result.scenario, result.contender, value, against, ratio, spread, result.target, result.verdict)

    def document(self, machine, rounds, scale):
        """Everything, for --json."""
        return {"schema_version": 1, "machine": machine, "rounds": rounds, "scale": scale, "runs": self.runs,
                "results": [asdict(result) for result in self.results], "failures": self.failures,
                "skipped": self.skipped}


def interleave(lab, book, scenario, contenders, repeat=1):
    """Runs contenders in turn, so that all see the same machine; another one begins in each round.

    `contenders` maps names to functions that answer the metrics of one run.
    """
    names = list(contenders)
    for number in range(1, lab.rounds + 1):
        for _ in range(repeat):
            for name in names:
                metrics = contenders[name]()
                book.add(scenario, name, number, metrics)
                if repeat == 1:
                    figures = ", ".join(f"{shown(metrics[key])} {unit}" for key, unit in UNITS.items() if key in metrics)
                    progress(f"{scenario}: round {number} of {lab.rounds}: {name}: {figures}")
        if repeat > 1:
            progress(f"{scenario}: round {number} of {lab.rounds}")
        names = names[1:] + names[:1]


def progress(line):
    print(line, file=sys.stderr, flush=True)
