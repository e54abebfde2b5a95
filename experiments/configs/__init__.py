"""Configs, one file a family; `base.py` holds what they share and the data sets' own settings."""
