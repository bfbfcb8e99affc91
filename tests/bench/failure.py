"""What ends a scenario and makes the benchmark exit with 1."""


class Failure(Exception):
    """A wrong result, or something that could not be measured; the message says what and where."""
