"""nuqta: the loyalty-points server that a shop can trust like a bank and start like a toy."""

__version__ = "0.1.0"
