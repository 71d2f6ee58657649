"""Data from a user's CSV file: which columns, what their cells say, and one message for all that is wrong with them.

`spec` reads what the study says of the file, `file` its records, `columns` finds the columns that are meant, and
`samples` makes numbers of their cells; `problems` collects what is wrong. `runner.data` names what others use.
"""
