"""How each field is answered: batch functions, queries, and who may. Thin: services and the store do the work.

Every relation is one batch function `async def load(context, keys) -> list` in key order, missing = None or ().
"""
