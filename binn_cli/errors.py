"""The errors that a user can mend: one sentence, no traceback, exit status 1."""


class BinnError(Exception):
    """Something that the user can put right; its text is one sentence that says what, where and how."""


class ConfigError(BinnError):
    """A configuration value that cannot be used."""

    def __init__(self, key: str, problem: str) -> None:
        """`key` is the dotted name of the leaf (`model.noise_variance`), `problem` says what is wrong and what would be
        right."""
        self.key = key
        self.problem = problem
        super().__init__(f"{key}: {problem}")


class DataError(BinnError):
    """Data that cannot be learned from."""


class MissingExtraError(BinnError):
    """A library of an optional extra is not installed."""

    def __init__(self, extra: str, needed_for: str) -> None:
        """`extra` is the name in pyproject.toml, `needed_for` what the user asked for."""
        super().__init__(f'{needed_for} needs the extra "{extra}": pip install "binn[{extra}]"')


class TooLarge(BinnError):
    """Data, or spaces for an equation, that a model cannot take in, because memory or time would not suffice: the task
    `scaling` skips such a size, an estimate does without such a solution."""
