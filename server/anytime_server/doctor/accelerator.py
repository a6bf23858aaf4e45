"""The GPU: what torch sees of it, and what the driver says."""

import shutil
import subprocess
from importlib.util import find_spec

from anytime_server.doctor.findings import Finding
from anytime_server.doctor.machine import GIB

DRIVER_TIMEOUT_S = 20


def check_gpu() -> Finding:
    """Compare the GPUs that torch sees with those of the driver."""
    driver = driver_gpus()
    if find_spec("torch") is None:
        return Finding("gpu", "ok", f"torch is not installed; {_driver_text(driver)}")
    try:
        import torch
    except (ImportError, OSError) as error:
        remedy = "install a build of torch for this machine, and none of torchvision or torchaudio that is for another"
        return Finding("gpu", "fail", f"torch does not load: {error}", remedy)
    if torch.cuda.is_available():
        return _seen(driver)
    if not driver and torch.backends.mps.is_available():
        # Of which nobody has tried here whether every step of the engine works on it.
        text = f"torch {torch.__version__} sees Apple's; models run on the CPU, unless --engine-arg device=mps"
        return Finding("gpu", "ok", text)
    if not driver:
        return Finding("gpu", "ok", f"torch {torch.__version__} sees none: models run on the CPU")
    remedy = (
        "the driver may be too old for this CUDA, or CUDA_VISIBLE_DEVICES hides the GPU"
        if torch.version.cuda
        else "install a CUDA build of torch"
    )
    return Finding("gpu", "warning", f"{_driver_text(driver)}, but torch {torch.__version__} does not see it", remedy)


def driver_gpus(driver_timeout_s: float = DRIVER_TIMEOUT_S) -> list[str]:
    """Return `name, driver version` of each GPU that NVIDIA's driver knows; empty without one."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return []
    query = [tool, "--query-gpu=name,driver_version", "--format=csv,noheader"]
    try:
        done = subprocess.run(query, capture_output=True, text=True, timeout=driver_timeout_s, check=False)
    except subprocess.TimeoutExpired:
        return [f"something that nvidia-smi has not told within {driver_timeout_s:g} s"]
    return done.stdout.splitlines() if done.returncode == 0 else []


def _seen(driver: list[str]) -> Finding:
    import torch

    devices = [torch.cuda.get_device_properties(index) for index in range(torch.cuda.device_count())]
    names = ", ".join(f"{device.name} ({device.total_memory / GIB:.0f} GiB)" for device in devices)
    platform = f"CUDA {torch.version.cuda}" if torch.version.cuda else f"ROCm {torch.version.hip}"
    version = driver[0].rpartition(", ")[2] if driver else None
    details = {"devices": [device.name for device in devices], "platform": platform, "driver": version}
    text = f"{names}; torch {torch.__version__} for {platform}" + (f", driver {version}" if version else "")
    return Finding("gpu", "ok", text, details=details)


def _driver_text(driver: list[str]) -> str:
    return "the driver has " + "; ".join(driver) if driver else "no NVIDIA driver"
