"""Every rule of the shop that is not about points: pure functions over frozen values.

Nothing here knows a clock, a database, an id generator or randomness: instants and ids come in as arguments.
"""
