"""A folder of results: rows, curves and weights that outlive any interruption, and what is known of their making.

`table` is the whole of it while a study trains: rows go to the journal or the table as they come (`journal`, `scan`,
`rebuild`, `sidecars`), and an earlier start's are found again (`inventory`). `reader` reads a finished table,
`provenance` says where it comes from. Nothing here trains a network, and nothing imports Numba.
"""
