"""What a currency is: its code and how many decimals its minor unit has (ISO 4217:2015, exceptions to two)."""

_EXCEPTIONS = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}
_DIGITS = {code: digits for digits, codes in _EXCEPTIONS.items() for code in codes.split()}


def digits_of(currency: str) -> int:
    """Return how many decimals the currency's minor unit has."""
    return _DIGITS.get(currency, 2)
