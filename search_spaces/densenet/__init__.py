"""Densely connected networks (Huang et al. 2017)."""
