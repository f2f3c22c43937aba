"""A family of one's own: VGG (Simonyan and Zisserman 2015), searched and described like the built-in ones.

It takes three things, one below the other in this file:

1. an ``Architecture``: frozen values, each with a rule, and its layers in closed form. Names of layers are the paths of
   the modules in the network. From the layers come parameters, MACs, memory and the refusal of images that are too
   small; from the values come identity and JSON.
2. a ``Family``: the axes that a study may fix or search, their defaults, the space that is searched where a study says
   nothing, and how values of axes become fields of the architecture.
3. a network, made by ``Family.build``. Any ``torch.nn.Module`` that gives logits will do; one that derives from
   ``search_spaces.layers.ImageClassifier`` also takes pretrained weights and can have its classifier replaced.

The distribution that holds it names the instance at the end of this file:

    [project.entry-points."archfront.families"]
    vgg = "own_family:family"

From then on ``[space.vgg]`` stands in study files, ``archfront search study.toml`` searches it beside the other
families, and ``archfront describe vgg11_pooled`` prints its stages. Trials train in processes of their own: the
distribution is installed on every machine of a cluster. A study file can't name code, only an installed family.
``search_spaces.register_family(family)`` makes it known to one process alone: enough to build, describe and sample, not
for a study, whose workers are other processes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from search_spaces import Architecture, Family, Task
from search_spaces.axes import Axis, Entry, each
from search_spaces.costs import Layer, LayerPlan
from search_spaces.parameters import IntParameter, Value
from search_spaces.rules import Rule, WholeNumber, WholeNumbers

if TYPE_CHECKING:
    from torch import nn

MAX_STAGES = 5


@dataclass(frozen=True, kw_only=True)
class VGGArchitecture(Architecture):
    """Stages of 3x3 convolutions, each halved by max pooling, and one linear layer. The defaults are VGG-11's.

    Attributes:
        depths: convolutions in each stage.
        width: channels of the first stage; each doubles them, three times at most.
    """

    family: ClassVar[str] = "vgg"
    rules: ClassVar[Mapping[str, Rule]] = {
        **Architecture.rules,  # in_channels and num_classes
        "depths": WholeNumbers(MAX_STAGES, 1, 8, each="stage", of="convolutions"),
        "width": WholeNumber(1, 512),
    }

    depths: tuple[int, ...] = (1, 1, 2, 2, 2)
    width: int = 64

    @property
    def widths(self) -> tuple[int, ...]:
        """Channels of each stage."""
        return tuple(self.width * 2 ** min(stage, 3) for stage in range(len(self.depths)))

    def layers(self, image_size: int) -> tuple[Layer, ...]:
        """Parameters, MACs, memory and shapes all come from here; what shrinks an image away is refused by the plan."""
        plan = LayerPlan(in_channels=self.in_channels, image_size=image_size, hint="use fewer stages")
        for stage, (depth, width) in enumerate(zip(self.depths, self.widths, strict=True)):
            plan.stage = f"stage{stage + 1}"
            for index in range(depth):
                plan.conv_norm(f"{stage}.{index}", width, "relu", kernel_size=3)
            plan.max_pool(f"{stage}.{depth}", kernel_size=2, stride=2, padding=0)
        plan.stage = "head"
        plan.global_pool(f"{len(self.depths)}")
        plan.linear(f"{len(self.depths) + 2}", self.num_classes)
        return tuple(plan.layers)


class VGGFamily(Family):
    """What a study may fix or search in VGG, and how a network is built."""

    name = VGGArchitecture.family
    architecture_type = VGGArchitecture
    # Column A of table 1, with pooling in place of the two layers of 4096.
    presets: ClassVar[Mapping[str, Architecture]] = {"vgg11_pooled": VGGArchitecture()}
    # ``fields`` and ``layers`` do nothing but arithmetic, range and comparisons: many networks are counted at once.
    takes_columns = True
    axes: ClassVar[Mapping[str, Axis]] = {
        "width": Axis(rule=VGGArchitecture.rules["width"], meaning="channels of the first stage"),
        "num_stages": Axis(rule=WholeNumber(1, MAX_STAGES), meaning="stages"),
        "depth": Axis(rule=WholeNumber(1, 8), meaning="convolutions of a stage", repeats="num_stages"),
    }

    def defaults(self, task: Task) -> Mapping[str, Value]:
        return {"width": 16, "num_stages": 2, "depth": 1}

    def default_entries(self, task: Task) -> Mapping[str, Entry]:
        return {
            "width": IntParameter(name="width", low=8, high=32, step=8),
            "num_stages": IntParameter(name="num_stages", low=1, high=3),
            "depth": IntParameter(name="depth", low=1, high=2),
        }

    def fields(self, values: Mapping[str, Any], task: Task) -> Mapping[str, Any]:
        return {"width": values["width"], "depths": each(values, "depth", values["num_stages"])}

    def build(self, architecture: Architecture) -> nn.Module:
        from torch import nn  # describing a network needs no torch

        assert isinstance(architecture, VGGArchitecture)
        stages, channels = [], architecture.in_channels
        for depth, width in zip(architecture.depths, architecture.widths, strict=True):
            convs = []
            for _ in range(depth):
                conv = nn.Conv2d(channels, width, kernel_size=3, padding=1, bias=False)
                convs.append(nn.Sequential(conv, nn.BatchNorm2d(width), nn.ReLU(inplace=True)))
                channels = width
            stages.append(nn.Sequential(*convs, nn.MaxPool2d(2)))
        head = (nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, architecture.num_classes))
        return nn.Sequential(*stages, *head)


family = VGGFamily()
