"""The four servers that tests, benchmarks and `make stack` use. Standard library only: `make
services` runs it with the system's Python, before `.venv` exists.
"""
