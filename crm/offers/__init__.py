"""Offers: what they are, whether they apply to a cart, what they take off, and which combination is the best.

Pure: the instant, what was redeemed so far and who buys come in as values.
"""
