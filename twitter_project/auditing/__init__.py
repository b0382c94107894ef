"""PostgreSQL's truth against whatever is made of it: `manage.py audit`.

Each module holds one part against the databases, by pages, and mends it. `rounds.py` goes through
them and tells damage from what is only under way.
"""
