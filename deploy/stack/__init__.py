"""The whole system as many processes on the servers of `make services`."""
