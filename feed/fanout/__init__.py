"""Fan-out: an author's new and deleted entries reach the followers' timelines.

`decide` finds out which timelines are pushed to and which pull, `apply` starts and ends pulling,
`deliver` changes the timelines, `slices` publishes the messages that continue a large fan-out.
"""
