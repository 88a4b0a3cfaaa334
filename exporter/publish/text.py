"""Label values as every format can carry them."""


def utf8(value: str) -> str:
    """`value` with lone surrogates, which JSON can smuggle in, written as `\\udXXX`.

    Neither UTF-8 nor protobuf has a form for them: one would cost the whole exposition.
    """
    if value.isascii():
        return value
    return value.encode("utf-8", "backslashreplace").decode("utf-8")
