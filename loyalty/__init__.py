"""The points ledger and its rules: pure functions over frozen values.

Points are integers, money is an integer in the currency's minor unit, instants are UTC. Time and ids come in as
arguments, so the same history always gives the same answer.
"""
