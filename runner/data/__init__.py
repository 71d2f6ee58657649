"""Data of a study: named data sets, files, arrays from memory, scalings of the inputs, encodings of the targets.

`load` goes from what a study says to the arrays that a run trains on: the named sets of `datasets`, `files`, or what
`memory` keeps of a program's own `arrays` and `objects`. `scaling`, `targets` and `label_noise` change them, and
`held_out` divides them. Adding a data set is one block in `datasets`, adding a scaling one block in `scaling`.
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
