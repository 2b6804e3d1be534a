"""Settings of Jupyter's server for the course: what opening and saving a notebook leaves in it."""

import platform
from typing import Any

from jupyter_server.services.contents.largefilemanager import AsyncLargeFileManager

WIDGET = "application/vnd.jupyter.widget-view+json"


class CourseFiles(AsyncLargeFileManager):
    """Files whose notebooks are stored without the version of Python, and open with that of this machine.

    JupyterLab notes the version of the kernel in every notebook that it opens. If another one, or none, stood there,
    it would mark the notebook as changed before anybody has touched it.
    """

    async def get(self, path: str, content: bool = True, *arguments: Any, **options: Any) -> dict[str, Any]:
        """Read a file or folder; add the version to a notebook."""
        model: dict[str, Any] = await super().get(path, content, *arguments, **options)
        if content and model["type"] == "notebook":
            info = model["content"]["metadata"].get("language_info", {})
            if info.get("name") == "python":
                info["version"] = platform.python_version()
        return model


def tidy(model: dict[str, Any], **_: Any) -> None:
    """Leave out of a notebook that is about to be saved: the version, and widgets, which end with the kernel.

    What a widget of the course showed stays as a page (see lecture_lib.widgets.stage); without it, the widget stays.
    """
    if model["type"] != "notebook" or not model.get("content"):
        return
    model["content"]["metadata"].get("language_info", {}).pop("version", None)
    for cell in model["content"]["cells"]:
        for output in cell.get("outputs", []):
            if "text/html" in output.get("data", {}):
                output["data"].pop(WIDGET, None)


c = get_config()  # type: ignore[name-defined]  # noqa: F821 - comes from the reader of the file
c.ServerApp.contents_manager_class = CourseFiles
c.FileContentsManager.pre_save_hook = tidy
