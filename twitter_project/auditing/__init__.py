"""`manage.py audit`: compares everything derived from the databases with the databases.

Each module is one check. `checks.py` describes a check, `runner.py` runs them.
"""
