"""Data from a user's file: which columns, what they hold, and one message for all that is wrong with them.

`spec` reads what the study says of the file. Of a CSV file, `file` reads the records, `columns` finds the columns that
are meant, and `samples` makes numbers of their cells; `binary` reads npz and Parquet files. `problems` collects what is
wrong. `runner.data` names what others use.
"""
