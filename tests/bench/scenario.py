"""What a scenario is."""

from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Scenario:
    name: str
    description: str
    run: Callable  # (lab, book, names of the variants to run)
    variants: dict = field(default_factory=dict)  # name -> what it does, in a line
