"""`python -m experiments.svhn --config=couae.py`."""

from experiments import run

if __name__ == "__main__":
    run.main("svhn")
