"""Registries of what a network can be made of: name -> frozen record, one small file per family."""

from runner.ops.activations import ACTIVATIONS
from runner.ops.faults import FAULTS
from runner.ops.initializers import INITIALIZERS
from runner.ops.losses import LOSSES
from runner.ops.optimizers import OPTIMIZERS, SETTINGS
from runner.ops.rules import RULES

__all__ = ["ACTIVATIONS", "FAULTS", "INITIALIZERS", "LOSSES", "OPTIMIZERS", "RULES", "SETTINGS"]
