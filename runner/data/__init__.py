"""Data of a study: named data sets, files, arrays from memory, scalings of the inputs, encodings of the targets.

Adding a data set is one block in `datasets.py`, adding a scaling one block in `scaling.py`.
"""

from runner.data.datasets import DATASETS
from runner.data.files.samples import MISSING_POLICIES
from runner.data.files.spec import FileData, parse_file_spec
from runner.data.held_out import HeldOut, HeldOutFraction, KFold
from runner.data.load import Data, DataSet, fingerprint, load_data
from runner.data.memory import MemoryData
from runner.data.scaling import SCALINGS
from runner.data.targets import ENCODINGS
from runner.errors import DataError

__all__ = [
    "DATASETS",
    "ENCODINGS",
    "MISSING_POLICIES",
    "SCALINGS",
    "Data",
    "DataError",
    "DataSet",
    "FileData",
    "HeldOut",
    "HeldOutFraction",
    "KFold",
    "MemoryData",
    "fingerprint",
    "load_data",
    "parse_file_spec",
]
