"""A folder of results: rows, curves and weights that survive any interruption, and a record of how they were made.

While a study trains, everything goes through `table.Table`: it finds what earlier starts have left (`inventory`, from
`scan` and `journal`), appends rows as runs finish (`row_text`), and brings the files into the plan's order at the end
(`rebuild`, `sidecars` with `curves` and `weights`). `reader` reads a table, `provenance` records where it comes from,
`lock` keeps a second runner away. Nothing here trains a network; only writing many rows imports Numba.
"""
