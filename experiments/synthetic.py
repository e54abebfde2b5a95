"""`python -m experiments.synthetic --config=couae.py`."""

from experiments import run

if __name__ == "__main__":
    run.main("synthetic")
