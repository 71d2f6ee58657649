"""A folder of results: rows, curves and weights that survive any interruption, and a record of how they were made.

While a study trains, everything goes through `table.Table`: it finds what earlier starts have left (`inventory`, from
`row_file`, `scan` and `journal`), makes sure that the rows are those that were written (`row_check`, `sums`), appends
rows as runs finish (`row_text`), and brings the files into the plan's order at the end (`rebuild`, `sidecars` with
`curves` and `weights`). `reader` reads a table, `provenance` records where it comes from, `lock` keeps a second runner
away, `held` notices when files are moved or replaced. Nothing here trains a network; only writing many rows imports
Numba.
"""
