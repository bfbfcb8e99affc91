#!/usr/bin/env python3
"""Compares the slots of schedctl with those that the rules give, minute by minute, around each change of the clocks.

Usage: oracle.py SLOTS_PROGRAM

The rules, and nothing of the C++ sources, are written down here once more, in the slowest and plainest way:

* An expression whose minute or hour begins with "*" has a slot at each minute at which the clocks show a fitting time.
* Any other has one slot for each fitting time: when the clocks show it, the first time when they show it twice, and when
  they never show it, the first minute at which they show a later one.
* A slot is marked "g" when its time was swallowed and none of its own fits there, "f" when its time is shown twice.

What the clocks show is asked of zoneinfo. For every zone of the system the changes of 2020 to 2040 and of 2099 are
compared, and for some with a history all since 1970. Zones with the same changes share one calculation; the answers of
schedctl are compared for each. Exits with 1 when something differs.
"""

import bisect
import collections
import concurrent.futures
import datetime
import os
import subprocess
import sys
import zoneinfo

zoneinfo.reset_tzpath(["/usr/share/zoneinfo"])

UTC = datetime.timezone.utc
MINUTES_A_DAY = 1440
EXPRESSIONS = (
    "30 2 * * *",
    "0 0 * * *",
    "0 3 * * *",
    "15,45 1-3 * * *",
    "*/15 * * * *",
    "7 * * * *",
    "*/20 2 * * *",
    "0 */2 * * *",
    "0,30 0-23 * * *",
    "30 0 * * sun",
    "59 23 L * *",
    "10 1 1-7,30 * mon",
    "0 2 */2 * sun",
    "45 2 * mar,oct sunL",
    "5 0,2,23 * * fri#5,7,sun#1",
)
WITH_HISTORY = (
    "Africa/Cairo", "Africa/Casablanca", "America/Nuuk", "America/Sao_Paulo", "America/Caracas", "Antarctica/Troll",
    "Asia/Beirut", "Asia/Gaza", "Asia/Kathmandu", "Asia/Pyongyang", "Australia/Lord_Howe", "Europe/Dublin",
    "Europe/Moscow", "Pacific/Apia", "Pacific/Chatham", "Pacific/Fakaofo", "Pacific/Kwajalein",
)
WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


def epoch(year, month=1, day=1):
    return int(datetime.datetime(year, month, day, tzinfo=UTC).timestamp())


SPANS = ((epoch(2020), epoch(2041)), (epoch(2099), epoch(2100, 2)))
HISTORY = (epoch(1970, 1, 3), epoch(2020))


# The expressions

def numbers(text, least, most, names=(), first_name=0):
    def number(word):
        return names.index(word) + first_name if word in names else int(word)

    found = set()
    for item in text.split(","):
        span, _, step = item.partition("/")
        if span == "*":
            low, high = least, most
        else:
            low, _, high = span.partition("-")
            low = number(low)
            high = number(high) if high else low
        found.update(range(low, high + 1, int(step or 1)))
    return found


class Days:
    """Which dates fit the three date fields."""

    def __init__(self, day, month, weekday):
        self.months = numbers(month, 1, 12, MONTHS, 1)
        self.days = set() if day == "L" else numbers(day, 1, 31)
        self.last_day = day == "L"
        self.either = not day.startswith("*") and not weekday.startswith("*")
        self.weekdays, self.nth, self.last = set(), set(), set()
        for item in weekday.split(","):
            if "#" in item:
                name, nth = item.split("#")
                self.nth.add((WEEKDAYS.index(name), int(nth)))
            elif item.endswith("L"):
                self.last.add(WEEKDAYS.index(item[:-1]))
            else:
                self.weekdays |= {n % 7 for n in numbers(item, 0, 7, WEEKDAYS)}
        self.known = {}

    def fit(self, day_number):
        if day_number not in self.known:
            self.known[day_number] = self.look(datetime.date(1970, 1, 1) + datetime.timedelta(days=day_number))
        return self.known[day_number]

    def look(self, date):
        if date.month not in self.months:
            return False
        weekday = date.isoweekday() % 7
        in_a_week = date + datetime.timedelta(days=7)
        tomorrow = date + datetime.timedelta(days=1)
        by_day = date.day in self.days or (self.last_day and tomorrow.day == 1)
        by_weekday = (weekday in self.weekdays or (weekday, (date.day + 6) // 7) in self.nth
                      or (weekday in self.last and in_a_week.month != date.month))
        return by_day or by_weekday if self.either else by_day and by_weekday


class Expression:
    def __init__(self, text):
        minute, hour, day, month, weekday = text.split()
        self.follows_clock = minute.startswith("*") or hour.startswith("*")
        self.clock = sorted(h * 60 + m for h in numbers(hour, 0, 23) for m in numbers(minute, 0, 59))
        self.days = Days(day, month, weekday)

    def times(self, first_day, last_day):
        """The fitting times of these days."""
        for day in range(first_day, last_day + 1):
            if self.days.fit(day):
                yield from (day * MINUTES_A_DAY + minute for minute in self.clock)


# The clocks

def offset(zone, instant):
    ahead = datetime.datetime.fromtimestamp(instant, zone).utcoffset()
    return ahead.days * 86400 + ahead.seconds


def find_changes(zone, begin, end):
    """The instants from begin to end at which the offset changes, each with the new one; begin first."""
    changes = [(begin, offset(zone, begin))]
    step = MINUTES_A_DAY * 60
    for instant in range(begin, end, step):
        low, high = instant, min(instant + step, end - 1)
        while offset(zone, high) != changes[-1][1]:
            before = changes[-1][1]
            at = low + bisect.bisect_left(range(low, high + 1), True, key=lambda i: offset(zone, i) != before)
            changes.append((at, offset(zone, at)))
            low = at
    return changes


class Window:
    """The minutes around an instant, with what the clocks show, all in minutes since 1970."""

    def __init__(self, zone, around):
        middle = around // 60
        self.begin, self.end = middle - 27 * 60, middle + 27 * 60
        self.minutes = range(middle - 3 * MINUTES_A_DAY, middle + 3 * MINUTES_A_DAY)
        self.shown = [minute + offset(zone, minute * 60) // 60 for minute in self.minutes]
        self.instants = collections.defaultdict(list)
        for minute, shown in zip(self.minutes, self.shown):
            self.instants[shown].append(minute)

    def first_later(self, time):
        for minute, shown in zip(self.minutes, self.shown):
            if shown > time:
                return minute
        raise AssertionError("the window is too small")

    def slots(self, expression):
        """Each slot's minute with its mark."""
        found = {}
        for time in expression.times(self.shown[0] // MINUTES_A_DAY + 1, self.shown[-1] // MINUTES_A_DAY - 1):
            instants = self.instants.get(time, [])
            mark = "f" if len(instants) > 1 else ""
            if expression.follows_clock:
                found.update((instant, mark) for instant in instants)
            elif instants:
                found[instants[0]] = mark
            else:
                found.setdefault(self.first_later(time), "g")
        return sorted((minute, mark) for minute, mark in found.items() if self.begin <= minute < self.end)


def expected_slots(zone, windows):
    """For each window and expression the line that schedctl should answer."""
    lines = []
    for around in windows:
        window = Window(zone, around)
        for text in EXPRESSIONS:
            slots = window.slots(PARSED[text])
            lines.append((text, window.begin * 60, window.end * 60,
                          " ".join(f"{minute * 60}{mark}" for minute, mark in slots)))
    return lines


# Zones with the same changes

def spans_of(name):
    return SPANS + ((HISTORY,) if name in WITH_HISTORY else ())


def changes_of(name):
    zone = zoneinfo.ZoneInfo(name)
    return tuple(tuple(find_changes(zone, *span)) for span in spans_of(name))


def group_zones(pool):
    names = sorted(zoneinfo.available_timezones())
    groups = collections.defaultdict(list)
    for name, changes in zip(names, pool.map(changes_of, names, chunksize=20)):
        groups[changes].append(name)
    return groups


def windows_of(changes):
    windows = [at for span in changes for at, _ in span[1:]]
    # Where nothing changes, the plain distance from UTC is still to be right.
    return windows or [epoch(2026, 6, 1), epoch(2099, 6, 1)]


def ask(program, requests):
    text = "".join("\t".join(map(str, request)) + "\n" for request in requests)
    answer = subprocess.run([program], input=text, capture_output=True, text=True, check=True)
    return answer.stdout.splitlines()


def compare(program, changes, names):
    """Returns how many slots were compared, and the differences."""
    slots = expected_slots(zoneinfo.ZoneInfo(names[0]), windows_of(changes))
    requests, expected = [], []
    for name in names:
        for span, found in zip(spans_of(name), changes):
            requests.append(("offsets", name, *span))
            expected.append(" ".join(f"{at}:{new}" for at, new in found))
        for text, begin, end, line in slots:
            requests.append(("slots", name, text, begin, end))
            expected.append(line)
    answers = ask(program, requests)
    if len(answers) != len(expected):
        return 0, [f"{names}: {len(answers)} answers to {len(expected)} questions"]
    differences = [f"{request}:\n  expected {wanted}\n  answered {got}"
                   for request, wanted, got in zip(requests, expected, answers) if wanted != got]
    return len(names) * sum(len(line.split()) for *_, line in slots), differences


PARSED = {text: Expression(text) for text in EXPRESSIONS}


def report(groups, results):
    zones = sum(map(len, groups.values()))
    windows = sum(len(windows_of(changes)) for changes in groups)
    slots = sum(count for count, _ in results)
    differences = [difference for _, some in results for difference in some]
    print(f"{zones} zones in {len(groups)} groups, {windows} windows, {len(EXPRESSIONS)} expressions, {slots} slots: "
          f"{len(differences)} differences")
    for difference in differences[:20]:
        print(difference)
    if zones < 300 or windows < 1000 or slots < 1_000_000:
        print("too little was compared: is the package tzdata installed?")
        return 1
    return 1 if differences else 0


def main():
    program = sys.argv[1]
    with concurrent.futures.ProcessPoolExecutor(os.cpu_count()) as pool:
        groups = group_zones(pool)
        # The longest first, so that none is left alone at the end.
        ordered = sorted(groups.items(), key=lambda group: -len(windows_of(group[0])))
        results = list(pool.map(compare, [program] * len(ordered), *zip(*ordered)))
    return report(groups, results)


if __name__ == "__main__":
    sys.exit(main())
