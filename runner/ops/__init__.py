"""What networks are made of: activations, losses, initialisers, optimizers, schedules, learning rules and faults.

Each family is one file and one registry, and a member is one block in that file: its formula, its name and a line of
documentation. A compiled kernel knows some of the members (`Members`), and chooses between them by their codes;
validation, messages, schema, reference and tests are made from the registries. That is all that other packages use.
"""

from runner.ops.activations import ACTIVATIONS
from runner.ops.faults import FAULTS
from runner.ops.initializers import INITIALIZERS
from runner.ops.losses import LOSSES
from runner.ops.members import Members
from runner.ops.optimizers import OPTIMIZERS, RATES, SCHEDULED, SETTINGS
from runner.ops.rules import RULES
from runner.ops.schedules import SCHEDULES

__all__ = [
    "ACTIVATIONS",
    "FAULTS",
    "INITIALIZERS",
    "LOSSES",
    "OPTIMIZERS",
    "RATES",
    "RULES",
    "SCHEDULED",
    "SCHEDULES",
    "SETTINGS",
    "Members",
]
