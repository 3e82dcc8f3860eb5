"""A decoder of JPEG's DC coefficients: the picture at 1/8, and how much detail each block has."""

from selector.domain.jpeg.decode import DcImage, decode_dc

__all__ = ["DcImage", "decode_dc"]
