"""What lies on disk beneath the results table: files, lock, text of rows, journal, curves and weights."""
