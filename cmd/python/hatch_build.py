"""The tag of the wheel: for any platform as it is, for x86-64 Linux where heapglass/bin/heapglass was put in before.

HEAPGLASS_WHEEL_PLATFORM names another platform, such as manylinux_2_28_x86_64, for which auditwheel has found it good.
"""
import os
from typing import Any, Dict

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class CustomBuildHook(BuildHookInterface):  # type: ignore[type-arg]
    def initialize(self, version: str, build_data: Dict[str, Any]) -> None:
        if os.path.exists(os.path.join(self.root, "heapglass", "bin", "heapglass")):
            build_data["pure_python"] = False
            build_data["tag"] = "py3-none-%s" % os.environ.get("HEAPGLASS_WHEEL_PLATFORM", "linux_x86_64")
