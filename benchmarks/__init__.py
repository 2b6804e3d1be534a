"""How long our methods take beside the libraries that people use: ``python -m benchmarks``."""
