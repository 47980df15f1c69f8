"""One fair, repeatable comparison of VAEs, normalizing flows and continuous flows."""

__version__ = "0.1.0"
