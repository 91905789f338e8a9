"""Calculations, metal prices and obligations."""

from .calculations import Calculation
from .prices import MetalPrice, NisabThreshold

__all__ = ["Calculation", "MetalPrice", "NisabThreshold"]
