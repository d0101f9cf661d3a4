"""What one caller may ask for: how large an operation, how many points in how much time, how long, how many bytes.

numbers.py holds every bound; walk.py and shape.py judge a document before it is validated; cost.py says what an
operation costs; buckets.py and misses.py keep the callers' accounts; deadlines.py ends what takes too long.
"""
