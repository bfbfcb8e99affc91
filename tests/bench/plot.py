"""The plot of --plot: cost of a job over the backlog, as SVG."""

import math
from html import escape

WIDTH, HEIGHT = 760, 460
LEFT, RIGHT, TOP, BOTTOM = 80, 30, 50, 70
COLOURS = ("#1f6feb", "#d9730d", "#2da44e")


def marks(low, high):
    """Round numbers (1, 2, 5, 10, 20 ...) from the last one not above `low` to the first one not below `high`."""
    series = [factor * 10 ** power for power in range(-3, 10) for factor in (1, 2, 5)]
    first = max(mark for mark in series if mark <= low)
    last = min(mark for mark in series if mark >= high and mark > first)
    return [mark for mark in series if first <= mark <= last]


def element(name, text=None, **attributes):
    inside = " ".join(f'{key.replace("_", "-")}="{escape(str(value))}"' for key, value in attributes.items())
    return f"<{name} {inside}/>" if text is None else f"<{name} {inside}>{escape(text)}</{name}>"


class Axes:
    """Both logarithmic: the first runs are mostly the start of the process and would flatten all the others."""

    def __init__(self, lines):
        jobs, costs = zip(*(point for line in lines.values() for point in line))
        self.powers = range(math.floor(math.log10(min(jobs))), math.ceil(math.log10(max(jobs))) + 1)
        self.marks = marks(min(costs), max(costs))

    def x(self, jobs):
        low, high = self.powers[0], self.powers[-1]
        return round(LEFT + (math.log10(jobs) - low) / (high - low) * (WIDTH - LEFT - RIGHT), 1)

    def y(self, cost):
        share = math.log(cost / self.marks[0]) / math.log(self.marks[-1] / self.marks[0])
        return round(HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM), 1)

    def drawn(self):
        for power in self.powers:
            x = self.x(10 ** power)
            yield element("line", x1=x, x2=x, y1=TOP, y2=HEIGHT - BOTTOM, stroke="#e4e4e4")
            yield element("text", f"{10 ** power:,}", x=x, y=HEIGHT - BOTTOM + 20, text_anchor="middle")
        for mark in self.marks:
            y = self.y(mark)
            yield element("line", x1=LEFT, x2=WIDTH - RIGHT, y1=y, y2=y, stroke="#e4e4e4")
            yield element("text", f"{mark:g}", x=LEFT - 10, y=y + 4, text_anchor="end")
        yield element("text", "jobs due when the run began (logarithmic)", x=(LEFT + WIDTH - RIGHT) / 2, y=HEIGHT - 22,
                      text_anchor="middle")
        middle = (TOP + HEIGHT - BOTTOM) / 2
        yield element("text", "microseconds per job, whole process (logarithmic)", x=24, y=middle, text_anchor="middle",
                      transform=f"rotate(-90 24 {middle})")


def draw(lines, caption):
    """`lines`: name -> points (jobs, cost of a job in microseconds)."""
    axes = Axes(lines)
    parts = [element("rect", width=WIDTH, height=HEIGHT, fill="white"),
             element("text", "Cost of a job against the length of the queue", x=LEFT, y=26, font_size=16),
             *axes.drawn()]
    for number, (name, points) in enumerate(lines.items()):
        colour, row = COLOURS[number % len(COLOURS)], TOP + 18 + 20 * number
        places = [(axes.x(jobs), axes.y(cost)) for jobs, cost in points]
        parts.append(element("polyline", points=" ".join(f"{x},{y}" for x, y in places), fill="none", stroke=colour,
                             stroke_width=2))
        parts += [element("circle", cx=x, cy=y, r=3.5, fill=colour) for x, y in places]
        parts.append(element("line", x1=WIDTH - 190, x2=WIDTH - 160, y1=row - 4, y2=row - 4, stroke=colour, stroke_width=2))
        parts.append(element("text", name, x=WIDTH - 152, y=row))
    parts.append(element("text", caption, x=LEFT, y=HEIGHT - 5, font_size=10, fill="#666666"))
    return "\n".join([f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" '
                      f'height="{HEIGHT}" font-family="sans-serif" font-size="12">', *parts, "</svg>"]) + "\n"
