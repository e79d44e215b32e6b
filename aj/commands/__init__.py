"""The rooms of the `aj` command, one a file: ``register`` adds its parser, whose ``run`` does what was asked.

`aj --help` imports every room, so a room imports what is heavy only when it runs.
"""

import argparse
from typing import TypeAlias

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
