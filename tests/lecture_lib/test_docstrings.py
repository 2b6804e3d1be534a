"""What students read in `help`: every public name of the library is explained, and the code stays small."""

import ast
import importlib
import inspect
import pkgutil
import re
from collections.abc import Callable, Iterator
from dataclasses import is_dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import lecture_lib

METHODS = {"activations", "attacks", "compare", "gradients", "maps", "measure", "regions"}  # from papers
HELPERS = {  # ways to use a network or a score: nothing to cite
    "activations.record",
    "compare.layers",
    "gradients.check_scores",
    "gradients.evaluate",
    "gradients.input_gradient",
}
# Rooms that only their neighbours, or a command line, call: one line of meaning is enough there.
INNER = (
    *(
        "birds.drawing",
        "birds.landscapes",
        "birds.parts",
        "birds.train",
        "checks.inputs",
        "checks.source",
        "checks.trial",
    ),
    *("checks.edits", "checks.expressions", "checks.statements", "checks.missing", "minimal_norm"),
)
MODULES = [
    importlib.import_module(module.name)
    for module in pkgutil.walk_packages(lecture_lib.__path__, "lecture_lib.")
    if not module.name.rsplit(".", 1)[1].startswith("_")
]


def public(module: ModuleType) -> Iterator[tuple[str, Any]]:
    """Functions, classes and their methods that the module itself defines."""
    short = module.__name__.removeprefix("lecture_lib.")
    for name, value in vars(module).items():
        if name.startswith("_") or getattr(value, "__module__", None) != module.__name__:
            continue
        if inspect.isclass(value):
            yield f"{short}.{name}", value
            for method_name, method in vars(value).items():
                if not method_name.startswith("_") and inspect.isfunction(method):
                    yield f"{short}.{name}.{method_name}", method
        elif inspect.isfunction(inspect.unwrap(value)):
            yield f"{short}.{name}", inspect.unwrap(value)


PUBLIC = dict(entry for module in MODULES for entry in public(module))
FUNCTIONS = {
    name: value for name, value in PUBLIC.items() if inspect.isfunction(value) and not name.startswith(INNER)
}
SECTIONS = ("Parameters", "Returns", "Yields", "Raises", "References", "Notes", "Examples")


def sections(value: Any) -> dict[str, str]:
    """Text of every section of a NumPy-style docstring; the text before the first one is ''."""
    parts = re.split(rf"^({'|'.join(SECTIONS)})\n-+$", inspect.getdoc(value) or "", flags=re.MULTILINE)
    return {"": parts[0], **{name: text for name, text in zip(parts[1::2], parts[2::2], strict=True)}}  # noqa: C416


def entries(section: str) -> set[str]:
    """Names at the left margin: "size, crop_fraction" and "mean, std : floats" are two each."""
    heads = [line.split(" : ")[0] for line in section.splitlines() if line and not line.startswith(" ")]
    return {name.strip().lstrip("*") for head in heads for name in head.split(",")}


def body(function: Callable[..., Any]) -> ast.FunctionDef:
    found = ast.parse(inspect.cleandoc("\n" + inspect.getsource(function))).body[0]
    assert isinstance(found, ast.FunctionDef)
    return found


def own_nodes(node: ast.AST) -> Iterator[ast.AST]:
    """All nodes of a function except those of functions inside it."""
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.FunctionDef | ast.Lambda):
            yield child
            yield from own_nodes(child)


def raised(function: Callable[..., Any]) -> set[str]:
    """Names of the errors that its own source raises."""
    calls = [node.exc for node in own_nodes(body(function)) if isinstance(node, ast.Raise) and node.exc]
    return {ast.unparse(call.func if isinstance(call, ast.Call) else call) for call in calls}


def test_the_library_was_found() -> None:
    assert {"gradients.gradient", "networks.Network.predict", "measure.Linearity", "show.maps"} <= set(PUBLIC)


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
def test_every_module_says_what_it_is_for(module: ModuleType) -> None:
    assert module.__doc__
    assert module.__doc__.strip().splitlines()[0].endswith((".", "?", ":"))


@pytest.mark.parametrize("name", PUBLIC)
def test_one_line_of_meaning(name: str) -> None:
    lines = (inspect.getdoc(PUBLIC[name]) or "").splitlines()
    assert lines, "no docstring"
    assert len(lines[0]) > 10
    assert lines[0].endswith((".", "?"))
    assert lines[1:2] in ([], [""]), "the first line stands alone"


@pytest.mark.parametrize(
    "name", [name for name in PUBLIC if not name.endswith(".forward") and not name.startswith(INNER)]
)  # people call the network
def test_every_parameter_is_explained(name: str) -> None:
    """All but forward, which nobody calls by its name; its first line tells the shapes."""
    value = PUBLIC[name]
    explained = entries(sections(value).get("Parameters", ""))
    if inspect.isclass(value) and (is_dataclass(value) or "__init__" not in vars(value)) and not explained:
        return  # a record, whose fields are explained beside their types, or an exception
    assert explained == set(inspect.signature(value).parameters) - {"self", "cls"}


@pytest.mark.parametrize("name", [name for name in FUNCTIONS if not name.endswith(".forward")])
def test_what_comes_back_is_explained(name: str) -> None:
    found, signature = sections(FUNCTIONS[name]), inspect.signature(FUNCTIONS[name])
    assert signature.return_annotation is not inspect.Signature.empty
    if any(isinstance(node, ast.Yield | ast.YieldFrom) for node in own_nodes(body(FUNCTIONS[name]))):
        assert found.get("Yields", "").strip()
    elif signature.return_annotation not in (None, "None") and set(signature.parameters) - {"self", "cls"}:
        assert found.get("Returns", "").strip()  # without parameters, the first line says it


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_error_that_is_raised_is_explained(name: str) -> None:
    assert raised(FUNCTIONS[name]) <= entries(sections(FUNCTIONS[name]).get("Raises", ""))


@pytest.mark.parametrize("name", [n for n in FUNCTIONS if n.split(".")[0] in METHODS and n not in HELPERS])
def test_every_method_names_its_source(name: str) -> None:
    references = sections(FUNCTIONS[name]).get("References", "")
    assert re.search(r"arXiv:|doi:|[Ll]ecture notes|companion text", references)


@pytest.mark.parametrize("name", PUBLIC)
def test_names_in_backquotes_exist(name: str) -> None:
    """A link to `lecture_lib.pictures.check_images` or `mean_gradient` leads somewhere."""
    module = importlib.import_module(PUBLIC[name].__module__)
    places = [module, *(value for value in vars(module).values() if inspect.isclass(value))]
    for link in re.findall(r"(?<![`:])`(\w[\w.]*)`(?!`)", inspect.getdoc(PUBLIC[name]) or ""):
        if link.startswith("lecture_lib."):
            assert leads_somewhere(link), link
        else:
            assert any(hasattr(place, link) for place in places), link


def leads_somewhere(link: str) -> bool:
    """Modules, what they define, and attributes that a class sets in its source."""
    owner, _, attribute = link.removeprefix("lecture_lib.").rpartition(".")
    if owner in PUBLIC:
        return link.removeprefix("lecture_lib.") in PUBLIC or f"self.{attribute} =" in inspect.getsource(
            PUBLIC[owner]
        )
    modules = {module.__name__: module for module in MODULES}
    return link in modules or hasattr(modules.get(f"lecture_lib.{owner}"), attribute)


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
def test_modules_and_functions_stay_small(module: ModuleType) -> None:
    source = Path(module.__file__).read_text(encoding="utf-8")
    if ".tasks." not in module.__name__:  # a catalogue of mistakes may be as long as it likes
        assert len(source.splitlines()) < 450
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef):
            statements = node.body[1:] if ast.get_docstring(node) else node.body
            lines = statements[-1].end_lineno - statements[0].lineno + 1 if statements else 0
            assert lines < 31, f"{node.name} has {lines} lines"
