"""Calculations, metal prices and obligations."""

from .calculations import Calculation
from .obligations import Obligation, ObligationPayment
from .prices import MetalPrice, NisabThreshold

__all__ = ["Calculation", "MetalPrice", "NisabThreshold", "Obligation", "ObligationPayment"]
