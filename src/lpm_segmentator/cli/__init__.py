"""The command line: a thin face on `api`, `cohort` and `train`."""
