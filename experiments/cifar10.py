"""`python -m experiments.cifar10 --config=couae.py`."""

from experiments import run

if __name__ == "__main__":
    run.main("cifar10")
