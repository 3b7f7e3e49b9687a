"""Bayesian Interpolating Neural Network (B-INN): a command-line experiment runner."""

__version__ = "0.1.0"
