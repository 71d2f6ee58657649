"""Data of a study: named data sets, CSV files, scalings of the inputs, encodings of the targets.

Adding a data set is one block in `datasets.py`, adding a scaling one block in `scaling.py`.
"""

from runner.data.csv_data.samples import MISSING_POLICIES
from runner.data.csv_data.spec import CsvData, parse_csv_spec
from runner.data.datasets import DATASETS
from runner.data.load import DataSet, fingerprint, load_data
from runner.data.scaling import SCALINGS
from runner.data.targets import ENCODINGS
from runner.errors import DataError

__all__ = [
    "DATASETS",
    "ENCODINGS",
    "MISSING_POLICIES",
    "SCALINGS",
    "CsvData",
    "DataError",
    "DataSet",
    "fingerprint",
    "load_data",
    "parse_csv_spec",
]
