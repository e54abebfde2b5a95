"""`python -m experiments.fashion_mnist --config=couae.py`."""

from experiments import run

if __name__ == "__main__":
    run.main("fashion_mnist")
