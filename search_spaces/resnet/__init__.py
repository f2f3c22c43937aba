"""Residual networks (He et al. 2016), wide and ResNeXt variants included."""
