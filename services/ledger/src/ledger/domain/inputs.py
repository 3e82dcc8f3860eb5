"""Which of the selector's state records tell of its input."""


def concerns_input(key: bytes | None) -> bool:
    """Whether a state record tells of the input partition and not of a camera, whose id would come before a `|`."""
    return key in (b"start", b"cursor") or (key or b"").startswith(b"expired|")
