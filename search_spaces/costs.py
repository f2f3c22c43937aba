"""What a layer costs, and a plan that adds layers up: shapes, parameters and MACs without a framework."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from search_spaces.errors import GeometryError
from search_spaces.many import Size
from search_spaces.rules import WholeNumber

Kind = Literal["conv", "depthwise_conv", "batch_norm", "activation", "pool", "linear", "concat", "add", "scale"]
"""What runs. ``scale`` is the product of squeeze-and-excitation."""

IMAGE_SIZE = WholeNumber(1, 4096)
"""Sides of square images, in pixels."""

FLOAT_BYTES = 4
"""Bytes of a float32, in which activations are counted."""

INDEX_BYTES = 8
"""Bytes that max pooling keeps for each output, to know which input was the largest."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Layer:
    """One layer as it is executed.

    Attributes:
        name: the module's path in the built network, or of the module that runs it.
        stage: the stage that ``describe`` groups it under, and that a geometry error names.
        output_shape: (channels, height, width) of one image.
        input_channels: channels that it reads.
        kernel_size: side of its window; 1 where there is none.
        num_parameters: trainable ones.
        macs: multiply-accumulates of one image; 0 for all but convolutions and linear layers.
        saved_bytes: what training keeps of it until the backward pass, of one image in float32.
        live_bytes: all activations that there are while it runs in inference, of one image in float32: the image, what
            it reads and gives, and what later layers or the loops of torch's modules hold meanwhile.
        repeats: how often it is there; always 1 but where networks that end before it are counted with it.
    """

    name: str
    stage: str
    kind: Kind
    output_shape: tuple[int, int, int]
    input_channels: int
    kernel_size: int = 1
    num_parameters: int = 0
    macs: int = 0
    saved_bytes: int = 0
    live_bytes: int = 0
    repeats: int = 1


class LayerPlan:
    """Layers added one after the other, with the shape that flows between them.

    ``channels`` and ``side`` are those of the tensor that the next layer reads; a family sets them
    where its network branches. ``stage`` and ``repeats`` are given to every layer added after they are set.
    ``held`` is how many bytes wait for later layers while the next one runs in inference, beside what that one reads.

    ``saved=False`` says that no later layer needs this output for its gradient.

    Raises:
        ArchitectureError: ``image_size`` is no whole number of pixels.
    """

    def __init__(self, *, in_channels: int, image_size: int, hint: str = "") -> None:
        image_size = IMAGE_SIZE.accept("image_size", image_size)
        self.layers: list[Layer] = []
        self.stage = "stem"
        self.repeats: Size = 1
        self.channels: Size = in_channels
        self.side: Size = image_size
        self.held: Size = 0
        self._image_bytes = self.tensor_bytes
        self._image_size = image_size
        self._hint = hint

    def conv(
        self,
        name: str,
        out_channels: Size,
        *,
        kernel_size: Size = 1,
        stride: Size = 1,
        groups: Size = 1,
        bias: bool = False,
        saved: bool = True,
    ) -> None:
        """A convolution with square kernels and padding ``kernel_size // 2``."""
        in_channels = self.channels
        weights = out_channels * (in_channels // groups) * kernel_size * kernel_size
        read_bytes = self._move(out_channels, kernel_size=kernel_size, stride=stride, padding=kernel_size // 2)
        self._add(
            name,
            "depthwise_conv" if groups > 1 and groups == in_channels else "conv",
            input_channels=in_channels,
            kernel_size=kernel_size,
            num_parameters=weights + (out_channels if bias else 0),
            macs=weights * self.side * self.side,
            saved_bytes=self.tensor_bytes * saved,  # a product, as DenseNets of many depths save in different places
            beside_bytes=read_bytes,
        )

    def batch_norm(self, name: str, *, saved: bool = True) -> None:
        """Batch normalisation with a scale and a shift for each channel."""
        self._add(
            name,
            "batch_norm",
            num_parameters=2 * self.channels,
            saved_bytes=self.tensor_bytes if saved else 0,
            beside_bytes=self.tensor_bytes,
        )

    def activation(self, name: str, *, saved: bool = False) -> None:
        """An activation; one that works in place, as ReLU does, needs no memory of its own."""
        self._add(name, "activation", saved_bytes=self.tensor_bytes if saved else 0)

    def max_pool(self, name: str, *, kernel_size: int, stride: int, padding: int, saved: bool = True) -> None:
        """Max pooling."""
        read_bytes = self._move(self.channels, kernel_size=kernel_size, stride=stride, padding=padding)
        indices = self.tensor_bytes // FLOAT_BYTES * INDEX_BYTES
        saved_bytes = indices + (self.tensor_bytes if saved else 0)
        beside_bytes = read_bytes + indices  # torch makes them in inference, too
        self._add(name, "pool", kernel_size=kernel_size, saved_bytes=saved_bytes, beside_bytes=beside_bytes)

    def average_pool(self, name: str, *, kernel_size: int, stride: int, saved: bool = True) -> None:
        """Average pooling without padding."""
        read_bytes = self._move(self.channels, kernel_size=kernel_size, stride=stride, padding=0)
        saved_bytes = self.tensor_bytes if saved else 0
        self._add(name, "pool", kernel_size=kernel_size, saved_bytes=saved_bytes, beside_bytes=read_bytes)

    def subsample(self, name: str, channels: Size, *, stride: Size) -> None:
        """Every ``stride``-th pixel of each row and column, with empty channels added."""
        read_bytes = self._move(channels, kernel_size=1, stride=stride, padding=0)
        self._add(name, "pool", beside_bytes=read_bytes)

    def global_pool(self, name: str) -> None:
        """The mean over all pixels."""
        read_bytes = self._read_bytes
        kernel_size, self.side = self.side, 1
        self._add(name, "pool", kernel_size=kernel_size, saved_bytes=self.tensor_bytes, beside_bytes=read_bytes)

    def linear(self, name: str, out_features: int) -> None:
        """A linear layer with a bias."""
        read_bytes = self._read_bytes
        in_features, self.channels = self.channels, out_features
        self._add(
            name,
            "linear",
            input_channels=in_features,
            num_parameters=(in_features + 1) * out_features,
            macs=in_features * out_features,
            saved_bytes=self.tensor_bytes,
            beside_bytes=read_bytes,
        )

    def concat(self, name: str, channels: Size, *, saved: bool = True) -> None:
        """Tensors put one behind the other, ``channels`` in all; in inference they are held from here on."""
        self.channels = channels
        self.held = self.tensor_bytes
        self._add(name, "concat", saved_bytes=self.tensor_bytes if saved else 0)

    def add(self, name: str) -> None:
        """A residual sum, in place."""
        self._add(name, "add")

    def scale(self, name: str) -> None:
        """Each channel times the weight that squeeze-and-excitation gives it."""
        self._add(name, "scale", saved_bytes=self.tensor_bytes, beside_bytes=self.tensor_bytes)

    def conv_norm(
        self,
        name: str,
        out_channels: Size,
        activation: str,
        *,
        kernel_size: Size = 1,
        stride: Size = 1,
        groups: Size = 1,
        saved: bool = True,
    ) -> None:
        """Convolution, batch norm and, where one is named, activation, as members 0, 1 and 2 of a module."""
        held, read_bytes = self.held, self._read_bytes
        self.conv(f"{name}.0", out_channels, kernel_size=kernel_size, stride=stride, groups=groups)
        self.held = held + read_bytes
        self.batch_norm(f"{name}.1", saved=saved)
        if activation:
            # ReLU keeps what it gives, as the next layer does; the others keep a copy of what they read as well.
            self.activation(f"{name}.2", saved=activation != "relu")
        self.held = held

    def squeeze_excite(self, name: str, squeeze_channels: Size) -> None:
        """Channel weights from the mean of each channel (Hu et al. 2018), and the product with them."""
        channels, side, held, read_bytes = self.channels, self.side, self.held, self.tensor_bytes
        self.global_pool(f"{name}.avgpool")
        self.held = held + read_bytes
        self.conv(f"{name}.fc1", squeeze_channels, bias=True, saved=False)
        self.activation(f"{name}.activation", saved=True)
        self.conv(f"{name}.fc2", channels, bias=True)
        self.activation(f"{name}.scale_activation", saved=True)
        weights_bytes = 2 * self.tensor_bytes  # before and after their activation
        self.side = side
        self.held = held + weights_bytes
        self.scale(name)
        self.held = held

    @property
    def tensor_bytes(self) -> Size:
        """Size of the tensor that the next layer reads, of one image."""
        return self.channels * self.side * self.side * FLOAT_BYTES

    @property
    def _read_bytes(self) -> Size:
        """The same in inference beside the image, which is always there."""
        return self.tensor_bytes if self.layers else 0

    def _move(self, channels: Size, *, kernel_size: Size, stride: Size, padding: Size) -> Size:
        """Goes on to the shape of a window's output; returns the bytes that it reads."""
        read_bytes = self._read_bytes
        side = (self.side + 2 * padding - kernel_size) // stride + 1
        if side < 1:
            raise GeometryError(
                f"image_size = {self._image_size}: "
                f"stage '{self.stage}' would shrink {self.side}x{self.side} below one pixel",
                hint=self._hint,
            )
        self.channels, self.side = channels, side
        return read_bytes

    def _add(
        self,
        name: str,
        kind: Kind,
        *,
        input_channels: Size = None,
        kernel_size: Size = 1,
        num_parameters: Size = 0,
        macs: Size = 0,
        saved_bytes: Size = 0,
        beside_bytes: Size = 0,
    ) -> None:
        """Adds a layer; ``beside_bytes`` are there in inference beside its output and what is held."""
        self.layers.append(
            Layer(
                name=name,
                stage=self.stage,
                kind=kind,
                output_shape=(self.channels, self.side, self.side),
                input_channels=self.channels if input_channels is None else input_channels,
                kernel_size=kernel_size,
                num_parameters=num_parameters,
                macs=macs,
                saved_bytes=saved_bytes,
                live_bytes=self._image_bytes + self.held + beside_bytes + self.tensor_bytes,
                repeats=self.repeats,
            )
        )
