"""Experiments: `python -m experiments.<data set> --config=<family>.py`, one run folder each."""
