"""Ports and processes of this machine, for the scripts of deploy/, the tests and the benchmarks."""
