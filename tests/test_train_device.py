from contextlib import nullcontext

import pytest
import torch

from timm_hyperbolic.config.run import DeviceConfig
from timm_hyperbolic.errors import UserError
from timm_hyperbolic.train.device import create_autocast, create_scaler, resolve_device

CPU = torch.device('cpu')


def amp(dtype: str, on: bool = True) -> DeviceConfig:
    return DeviceConfig(amp=on, amp_dtype=dtype)


def test_device_by_name_and_by_default():
    assert resolve_device('cpu') == CPU
    assert resolve_device(None).type == ('cuda' if torch.cuda.is_available() else 'cpu')


@pytest.mark.parametrize('name', ['gpu', 'cuda:99', 'meta', ''])
def test_device_that_is_not_there(name):
    with pytest.raises(UserError, match=f'--device {name}: not usable here .*; try --device cpu'):
        resolve_device(name)


@pytest.mark.parametrize('dtype', ['bfloat16', 'float16'])
def test_autocast_computes_in_the_type_asked_for(dtype):
    with create_autocast(amp(dtype), CPU)():
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == getattr(torch, dtype)
    assert create_autocast(amp(dtype, on=False), CPU) is nullcontext


def test_only_float16_needs_a_scaler():
    assert create_scaler(amp('float16'), CPU) is not None
    assert create_scaler(amp('bfloat16'), CPU) is None
    assert create_scaler(amp('float16', on=False), CPU) is None


def test_a_cpu_computes_in_bfloat16_unless_told_otherwise():
    assert create_scaler(DeviceConfig(amp=True), CPU) is None
    with create_autocast(DeviceConfig(amp=True), CPU)():
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == torch.bfloat16
    assert DeviceConfig(amp=True).dtype_on('cuda') == 'float16'
