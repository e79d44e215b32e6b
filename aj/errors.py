"""The errors a user can meet, one class a boundary.

Each carries one sentence: what is wrong, the value seen, how to mend it. The seal (aj/stage.py) and the
command line print that sentence and exit 1; anything else that escapes is a bug and keeps its traceback.
"""


class AJError(Exception):
    """Base of all errors that are the input's fault, not the program's."""


class ParamsError(AJError):
    """params.yaml or a source card says something that cannot be run."""


class DataError(AJError):
    """A source, a row or a split is missing, broken or empty."""


class ContractError(AJError):
    """A stage broke its own declaration: undeclared key read, input changed under it, output missing."""


class TrainingError(AJError):
    """Training cannot start or produced nothing usable (no trainable token, loss not finite, …)."""


class ExportError(AJError):
    """Merging, converting or quantizing met a model it cannot represent faithfully."""


class EpisodeError(AJError):
    """A question, database or transcript of SQLEnv cannot be used (bad gold, unreadable file, …)."""
