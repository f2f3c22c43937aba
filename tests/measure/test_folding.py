"""Folding changes the number of layers and nothing else."""

from __future__ import annotations

import copy

import pytest
import torch
from search_spaces_nets import placeholder
