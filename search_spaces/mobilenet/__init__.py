"""MobileNet, versions 1 to 3 (Howard et al. 2017, Sandler et al. 2018, Howard et al. 2019)."""
