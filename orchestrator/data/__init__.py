"""Labelled images: what a data set holds, how it is split, and its tensors."""
