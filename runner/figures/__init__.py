"""What is made of a finished table for a paper: figures, by matplotlib, and tables to paste.

`rows` reads the runs that are asked for and puts them on axes, `kinds` has one block for each kind of figure, `draw`
lays a figure out and saves it, and `tables` writes tables. The numbers and their intervals come from
`runner.analysis`. matplotlib is imported only where something is drawn. Others use `draw.plot` and `tables.tabulate`.
"""
