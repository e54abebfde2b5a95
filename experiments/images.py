"""`python -m experiments.images --config=couae.py`."""

from experiments import run

if __name__ == "__main__":
    run.main("images")
