"""What a person likes, from nothing but purchases: half-life counters, rankings, pairs, and the words for them.

Pure as all of crm/. numpy and scipy are imported inside the functions that count over a whole shop, and nowhere else:
what answers a request works on one person's few hundred counters.
"""
