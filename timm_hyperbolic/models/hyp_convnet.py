"""Hyperbolic convolutional networks: a LeNet, and timm's ResNet with all its layers on points of hyperbolic space.

Source: van Spengler, Wirth, Mettes, "HypLL: The Hyperbolic Learning Library" (2023), whose tutorial has the LeNet;
Bdeir, Schwethelm, Landwehr, "Fully Hyperbolic Convolutional Neural Networks for Computer Vision" (2024), for the
ResNet.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from timm.data import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD
from timm.layers import SelectAdaptivePool2d, get_device_dtype, to_2tuple
from timm.models import generate_default_cfgs, register_model
from timm.models.resnet import BasicBlock, ResNet
from torch import Tensor, nn

from ..layers import (
    HypAvgPool2d,
    HypBatchNorm2d,
    HypConv2d,
    HyperbolicConfig,
    HypExp0,
    HypFlatten,
    HypGlobalPool,
    HypLinear,
    HypMaxPool2d,
    HypMLR,
    HypReLU,
)
from .config_checks import Check, one_of
from .hyperbolic_model import HyperbolicModel
from .pretrained import FetchedCheckpoint, build_model
from .vit_hyp import CIFAR100_MEAN, CIFAR100_STD

__all__ = ['HyperbolicResNet', 'LeNet']


class LeNet(HyperbolicModel, nn.Module):
    """A LeNet for small images, of Euclidean layers or of layers on points of hyperbolic space.

    Two convolutions of five pixels with 6 and 16 channels, each followed by ReLU and max-pooling, and linear layers of
    120, 84 and `num_classes` coordinates. The hyperbolic classifier is `HypMLR`.

    Args:
        num_classes: Number of classes; 0 for no classifier.
        in_chans: Number of channels of images.
        img_size: Height and width of images, at least 16.
        hyperbolic: Whether the layers are hyperbolic.
        mode: How points are written; a name of `layers.MODES`.
        drop_rate: Dropout before the classifier.
        device: Of the parameters.
        dtype: Of the parameters.
        **keywords: Fields of `HyperbolicConfig`.

    Raises:
        ValueError: the image is too small, or a value is outside its range.
        TypeError: a keyword is unknown.
    """

    def __init__(
        self,
        num_classes: int = 10,
        in_chans: int = 3,
        img_size: int | tuple[int, int] = 32,
        hyperbolic: bool = True,
        mode: str = 'lorentz',
        drop_rate: float = 0.0,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        **keywords: Any,
    ) -> None:
        super().__init__()
        height, width = (((side - 4) // 2 - 4) // 2 for side in to_2tuple(img_size))
        if min(height, width) < 1:
            raise ValueError(f'img_size={img_size} must be at least 16: two convolutions of five pixels are pooled')
        config = HyperbolicConfig.of(**keywords)
        dd: dict[str, Any] = {'device': device, 'dtype': dtype}
        common: dict[str, Any] = {'mode': mode, 'config': config} if hyperbolic else {}
        conv, linear = (HypConv2d, HypLinear) if hyperbolic else (nn.Conv2d, nn.Linear)
        relu, pool = (HypReLU, HypMaxPool2d) if hyperbolic else (nn.ReLU, nn.MaxPool2d)
        self.lift = HypExp0(**common) if hyperbolic else nn.Identity()
        self.conv1, self.act1 = conv(in_chans, 6, 5, **common, **dd), relu(**common)
        self.pool1 = pool(2, **common)
        self.conv2, self.act2 = conv(6, 16, 5, **common, **dd), relu(**common)
        self.pool2 = pool(2, **common)
        self.flatten = HypFlatten(**common) if hyperbolic else nn.Flatten()
        self.fc1, self.act3 = linear(16 * height * width, 120, **common, **dd), relu(**common)
        self.fc2, self.act4 = linear(120, 84, **common, **dd), relu(**common)
        self._make_classifier: Callable[..., nn.Module] = partial(HypMLR, **common) if hyperbolic else nn.Linear
        self.drop_rate, self.num_features, self.head_hidden_size = drop_rate, 84, 84
        self.feature_info = [
            {'num_chs': 6, 'reduction': 2, 'module': 'pool1'},
            {'num_chs': 16, 'reduction': 4, 'module': 'pool2'},
        ]
        self.num_classes = num_classes
        self.fc3: nn.Module = nn.Identity()
        if num_classes:
            self.fc3 = self._make_classifier(84, num_classes, **dd)

    def group_matcher(self, coarse: bool = False) -> dict[str, Any]:
        """Return the patterns of layer groups, for layer-wise learning rates."""
        return {
            'stem': r'^conv1',
            'blocks': r'^conv2' if coarse else [(r'^conv2', None), (r'^fc1', None), (r'^fc2', None)],
        }

    def set_grad_checkpointing(self, enable: bool = True) -> None:
        """Refuse gradient checkpointing, which a network of this size has no use for."""
        assert not enable, 'gradient checkpointing is not supported'

    def get_classifier(self) -> nn.Module:
        """Return the classifier."""
        return self.fc3

    def reset_classifier(self, num_classes: int, global_pool: str | None = None) -> None:
        """Replace the classifier by a new one of the same kind.

        Args:
            num_classes: Number of classes; 0 for no classifier.
            global_pool: Unused, as there is no pooling.
        """
        self.num_classes = num_classes
        self.fc3 = nn.Identity()
        if num_classes:
            self.fc3 = self._make_classifier(84, num_classes, **get_device_dtype(self.fc2)).train(self.training)

    def forward_features(self, x: Tensor) -> Tensor:
        """Return the map of points before it is flattened, `[B, 16, H', W']`, for images `[B, C, H, W]`."""
        x = self.pool1(self.act1(self.conv1(self.lift(x))))
        return self.pool2(self.act2(self.conv2(x)))

    def forward_head(self, x: Tensor, pre_logits: bool = False) -> Tensor:
        """Return logits `[B, K]`, or the features before the classifier, `[B, 84]`.

        Args:
            x: What `forward_features` returns.
            pre_logits: Whether to stop before the classifier.
        """
        x = self.act4(self.fc2(self.act3(self.fc1(self.flatten(x)))))
        x = nn.functional.dropout(x, self.drop_rate, self.training)
        return x if pre_logits else self.fc3(x)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits `[B, K]` for images `[B, C, H, W]`."""
        return self.forward_head(self.forward_features(x))


class HyperbolicResNet(HyperbolicModel, ResNet):
    """timm's `ResNet` with every layer on points of hyperbolic space.

    Convolutions, batch normalisation, ReLU, pooling and classifier are those of `layers`; names of modules and
    parameters are timm's. A residual connection adds space parts, as the source does. In the ball there is no such sum,
    so that `mode` is always 'lorentz'.

    Args:
        *args: As in timm.
        small: Whether the stem is a convolution of three pixels without stride and without pooling, for small images.
        zero_init_last: As in timm.
        **kwargs: The fields of `HyperbolicConfig`, and every keyword of timm's `ResNet` with its usual layers.

    Raises:
        ValueError: a layer has no hyperbolic counterpart, or a value is outside its range.
        TypeError: a keyword is unknown.
    """

    def __init__(self, *args: Any, small: bool = False, zero_init_last: bool = True, **kwargs: Any) -> None:
        config = HyperbolicConfig.pop_from(kwargs)
        super().__init__(*args, zero_init_last=zero_init_last, **kwargs)
        if small:
            make_small(self)
        for name, module in list(self.named_modules()):
            new = _counterpart(module, name, config)
            if new is not None:
                self.set_submodule(name, new)
        # First in the order of modules, which timm's extraction of features follows
        self._modules = {'lift': HypExp0(config=config), **self._modules}
        self.make_head = partial(_classifier, config=config)
        self._replace_head()
        self.init_weights(zero_init_last)

    def _replace_head(self) -> None:
        if isinstance(self.fc, nn.Linear):
            self.fc = self.make_head(self.fc)
        if not isinstance(self.global_pool, HypGlobalPool):
            if self.global_pool.pool_type not in ('avg', 'fast', 'fastavg'):
                raise ValueError(f'global_pool={self.global_pool.pool_type!r} has no hyperbolic counterpart; use "avg"')
            self.global_pool = HypGlobalPool(config=self.lift.config)

    def reset_classifier(self, num_classes: int, global_pool: str | None = None) -> None:
        """Replace the classifier by a new hyperbolic one; the arguments are those of timm's `ResNet`.

        Raises:
            ValueError: the pooling has no hyperbolic counterpart.
        """
        if global_pool not in (None, 'avg'):
            raise ValueError(f'global_pool={global_pool!r} has no hyperbolic counterpart; use "avg"')
        ResNet.reset_classifier(self, num_classes, 'avg')
        self._replace_head()

    def forward_features(self, x: Tensor) -> Tensor:
        """Return the last map of points, `[B, C, H', W']`, for images `[B, 3, H, W]`."""
        return super().forward_features(self.lift(x))


def _classifier(source: nn.Linear, config: HyperbolicConfig) -> HypMLR:
    dd = get_device_dtype(source)
    return HypMLR(source.in_features, source.out_features, config=config, **dd).train(source.training)


def make_small(model: ResNet) -> None:
    """Give a `ResNet` of timm the stem for small images: a convolution of three pixels, no stride, no pooling."""
    old = model.conv1
    model.conv1 = nn.Conv2d(old.in_channels, old.out_channels, 3, padding=1, bias=False, **get_device_dtype(old))
    nn.init.kaiming_normal_(model.conv1.weight, mode='fan_out', nonlinearity='relu')
    model.maxpool = nn.Identity()
    for info in model.feature_info:
        info['reduction'] = max(1, info['reduction'] // 4)


def _counterpart(module: nn.Module, name: str, config: HyperbolicConfig) -> nn.Module | None:
    """The hyperbolic layer in place of one of timm's; None for a module that stays."""
    dd = get_device_dtype(module)
    if isinstance(module, nn.Conv2d):
        if module.groups != 1 or module.padding_mode != 'zeros':
            raise ValueError(f'{name} is a convolution in groups or with other padding than zeros: it stays Euclidean')
        geometry = module.kernel_size, module.stride, module.padding, module.dilation
        return HypConv2d(module.in_channels, module.out_channels, *geometry, config=config, **dd)
    if isinstance(module, nn.BatchNorm2d):
        return HypBatchNorm2d(module.num_features, module.eps, module.momentum, config=config, **dd)
    if isinstance(module, nn.ReLU):
        return HypReLU(config=config)
    if isinstance(module, (nn.MaxPool2d, nn.AvgPool2d)):
        pool = HypMaxPool2d if isinstance(module, nn.MaxPool2d) else HypAvgPool2d
        return pool(module.kernel_size, module.stride, module.padding, config=config)
    known = (nn.Linear, nn.Identity, nn.Sequential, nn.ModuleList, BasicBlock, ResNet, SelectAdaptivePool2d)
    if (
        not isinstance(module, known)
        and not isinstance(module, nn.AdaptiveAvgPool2d)
        and type(module) is not nn.Flatten
    ):
        raise ValueError(f'{name} is a {type(module).__name__}, which has no hyperbolic counterpart')
    return None


def _cfg(**kwargs: Any) -> dict[str, Any]:
    return {
        'url': '',
        'num_classes': 100,
        'input_size': (3, 32, 32),
        'pool_size': None,
        'crop_pct': 1.0,
        'interpolation': 'bicubic',
        'mean': CIFAR100_MEAN,
        'std': CIFAR100_STD,
        'first_conv': 'conv1',
        'classifier': 'fc',
        'license': 'mit',
        **kwargs,
    }


_LENET = _cfg(fixed_input_size=True, classifier='fc3', num_classes=10)
_LARGE = _cfg(
    num_classes=1000,
    input_size=(3, 224, 224),
    crop_pct=0.875,
    interpolation='bilinear',
    mean=IMAGENET_DEFAULT_MEAN,
    std=IMAGENET_DEFAULT_STD,
)

default_cfgs = generate_default_cfgs(
    {
        'lenet': _LENET,
        'hyp_lenet': _LENET,
        'resnet18_hyp': _LARGE,
        'resnet18_small_hyp': _cfg(),
        'resnet18_small': _cfg(),
    }
)


class _FetchedConvNet(FetchedCheckpoint):
    """The configuration and the weights of a model of this module."""

    converted = staticmethod(lambda state_dict, model: dict(state_dict))

    def pretrained_cfg_checks(self) -> dict[str, Check]:
        """Return the checks of the entries about the input and the classes, by name."""
        return {**super().pretrained_cfg_checks(), 'first_conv': one_of('conv1'), 'classifier': one_of('fc', 'fc3')}


_build = partial(build_model, fetched=_FetchedConvNet)

_RESNET18: dict[str, Any] = {'block': BasicBlock, 'layers': (2, 2, 2, 2)}


def _lenet(variant: str, pretrained: bool, defaults: dict[str, Any], kwargs: dict[str, Any]) -> LeNet:
    features = {'out_indices': kwargs.pop('out_indices', (0, 1))}
    return _build(LeNet, variant, pretrained, defaults, feature_cfg=features, **kwargs)


def _small_resnet(*args: Any, **kwargs: Any) -> ResNet:
    model = ResNet(*args, **kwargs)
    make_small(model)
    return model


@register_model
def lenet(pretrained: bool = False, **kwargs: Any) -> LeNet:
    """The Euclidean twin of `hyp_lenet`."""
    return _lenet('lenet', pretrained, {'hyperbolic': False}, kwargs)


@register_model
def hyp_lenet(pretrained: bool = False, **kwargs: Any) -> LeNet:
    """A LeNet on points of hyperbolic space, the network of HypLL's tutorial."""
    return _lenet('hyp_lenet', pretrained, {'curvature': 0.1}, kwargs)


@register_model
def resnet18_hyp(pretrained: bool = False, **kwargs: Any) -> HyperbolicResNet:
    """ResNet-18 on points of hyperbolic space, with timm's stem for large images."""
    return _build(HyperbolicResNet, 'resnet18_hyp', pretrained, _RESNET18, **kwargs)


@register_model
def resnet18_small_hyp(pretrained: bool = False, **kwargs: Any) -> HyperbolicResNet:
    """ResNet-18 on points of hyperbolic space, with the stem for images of 32 pixels."""
    return _build(HyperbolicResNet, 'resnet18_small_hyp', pretrained, {**_RESNET18, 'small': True}, **kwargs)


@register_model
def resnet18_small(pretrained: bool = False, **kwargs: Any) -> ResNet:
    """The Euclidean twin of `resnet18_small_hyp`: timm's ResNet-18 with the stem for images of 32 pixels."""
    return _build(_small_resnet, 'resnet18_small', pretrained, _RESNET18, **kwargs)
