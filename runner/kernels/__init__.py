"""Jitted code only: lanes, elementary functions, random numbers, the training loop.

Nothing here knows of YAML, tables or the command line. Arrays are checked once by the engine; inside, there are no
Python objects.
"""
