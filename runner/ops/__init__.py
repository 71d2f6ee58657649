"""What networks are made of: activations, losses, initialisers, optimizers, learning rules and faults.

Each family is one file and one registry; a member is one block of it, its formula beside its name and its words. The
kernels choose between members by their codes, and everything else (validation, messages, schema, reference, tests)
is made from the registries, which are all that others use.
"""

from runner.ops.activations import ACTIVATIONS
from runner.ops.faults import FAULTS
from runner.ops.initializers import INITIALIZERS
from runner.ops.losses import LOSSES
from runner.ops.optimizers import OPTIMIZERS, SETTINGS
from runner.ops.rules import RULES

__all__ = ["ACTIVATIONS", "FAULTS", "INITIALIZERS", "LOSSES", "OPTIMIZERS", "RULES", "SETTINGS"]
