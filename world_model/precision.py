"""Where half precision pays: bfloat16 on a GPU, and on a CPU that multiplies it, or float32.

    with torch.autocast(device.type, torch.bfloat16, enabled=halves(device)): ...

A CPU without AMX or AVX-512-BF16 unpacks every bfloat16 number by hand. On such a one (AMD EPYC with AVX2, busy) 64
futures of 20 steps took the two rooms' model 271 CPU-ms, and 48 ms in float32; a step of training took 13.1 CPU-s, and
1.2 s. A model that was trained in one plans in the other: what differs is rounding, far below its error.
"""

import platform
from functools import cache

import torch


@cache
def halves(device: torch.device) -> bool:
    """Whether this device multiplies bfloat16 itself. Of what is neither a GPU nor an x86 nobody has measured: yes."""
    if device.type == "cpu" and not hasattr(torch.cpu, "get_capabilities"):  # torch 2.11 brought it
        # Whatever has AMX has AVX-512-BF16 as well.
        return platform.machine() not in ("x86_64", "AMD64") or torch.cpu._is_avx512_bf16_supported()
    able = torch.cpu.get_capabilities() if device.type == "cpu" else {}
    return able.get("architecture") != "x86_64" or able["amx_bf16"] or able["avx512_bf16"]
