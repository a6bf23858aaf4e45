"""Recipes: every hyperparameter of a training run, in a YAML file beside this module or anywhere else.

`recipes/METHOD/NAME.yaml` is the recipe NAME of a method. A recipe that `extends` another, by name or by path, holds
only what differs: mappings are merged, everything else is replaced.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar, get_args

import yaml
from pydantic import BaseModel, ValidationError

from anytime_training.errors import RecipeError
from anytime_training.runs.brpo_recipe import BrpoRecipe
from anytime_training.sft.recipe import SftRecipe

FOLDER = Path(__file__).parent.parent / "recipes"
EXTENDS = "extends"

R = TypeVar("R", SftRecipe, BrpoRecipe)


class _Loader(yaml.SafeLoader):
    """YAML in which 1e-6 is a number, as in YAML 1.2; to plain PyYAML it is text."""


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?\d+(\.\d*)?[eE][-+]?\d+$"), list("-+0123456789")
)


def known_recipes(method: str) -> list[str]:
    """The names of a method's recipes that come with the package."""
    return sorted(path.stem for path in (FOLDER / method).glob("*.yaml"))


def load_recipe(schema: type[R], name: str, overrides: Sequence[str] = ()) -> R:
    """Load a recipe by name or by the path of a YAML file, with `key=value` overrides, keys dotted (`phases.0.steps`).

    Raises:
        RecipeError: if there is no such recipe, it is of another method, or a key is unknown or has a bad value; the
            text names the key.
    """
    values = _read(_find(schema.METHOD, name, Path()), schema.METHOD)
    method = values.get("method")
    if method != schema.METHOD:
        raise RecipeError(
            f"the recipe {name!r} has the method {method!r}, not {schema.METHOD!r}; "
            f"give one of anytime train {schema.METHOD}: {', '.join(known_recipes(schema.METHOD))}"
        )
    for override in overrides:
        _set(values, override, schema)
    try:
        return schema.model_validate(values)
    except ValidationError as error:
        raise RecipeError(_explain(error)) from None


def _find(method: str, name: str, beside: Path) -> Path:
    is_path = name.endswith((".yaml", ".yml"))
    path = beside / name if is_path else FOLDER / method / f"{name}.yaml"
    if not path.is_file():
        known = ", ".join(known_recipes(method))
        raise RecipeError(f"unknown recipe {name!r} for {method}; known: {known}, or the path of a .yaml file")
    return path.resolve()


def _read(path: Path, method: str, extending: tuple[Path, ...] = ()) -> dict[str, Any]:
    """The values of a recipe file, merged over those of the recipe that it extends."""
    if path in extending:
        circle = " -> ".join(file.stem for file in (*extending, path))
        raise RecipeError(f"recipes extend each other in a circle: {circle}; take one {EXTENDS!r} out")
    try:
        values = yaml.load(path.read_text(encoding="utf-8"), _Loader)
    except yaml.YAMLError as error:
        raise RecipeError(f"{path} is not valid YAML: {error}") from None
    if not isinstance(values, dict):
        raise RecipeError(f"{path} must hold keys and values, such as 'method: {method}'")
    base = values.pop(EXTENDS, None)
    if base is None:
        return values
    return _merged(_read(_find(method, str(base), path.parent), method, (*extending, path)), values)


def _merged(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    both = [key for key in base.keys() & over.keys() if isinstance(base[key], dict) and isinstance(over[key], dict)]
    return base | over | {key: _merged(base[key], over[key]) for key in both}


def _set(values: dict[str, Any], override: str, schema: type[BaseModel]) -> None:
    key, equals, text = override.partition("=")
    if not equals:
        raise RecipeError(f"--set {override!r} must be key=value, such as seed=1")
    parts = key.split(".")
    node: Any = values
    for depth, part in enumerate(parts):
        known = _known_keys(node, schema, parts[:depth])
        if known is not None and part not in known:
            names = ", ".join(known) or "nothing"
            raise RecipeError(f"the recipe has no key {key!r}: {part!r} is unknown here; known: {names}")
        place: Any = int(part) if isinstance(node, list) else part
        if depth == len(parts) - 1:
            node[place] = _value(text, override)
        elif isinstance(node, dict) and node.get(place) is None:
            node[place] = {}
        node = node[place]


def _known_keys(node: Any, schema: type[BaseModel], parents: Sequence[str]) -> list[str] | None:
    """What may follow the keys `parents`, where `node` is; None for anything."""
    if isinstance(node, list):
        return [str(index) for index in range(len(node))]
    if not isinstance(node, dict):
        return []
    model: type[BaseModel] | None = schema
    for part in parents:
        if model is not None and not part.isdecimal():
            annotation = model.model_fields[part].annotation
            kinds = [kind for kind in (annotation, *get_args(annotation)) if isinstance(kind, type)]
            model = next((kind for kind in kinds if issubclass(kind, BaseModel)), None)
    return sorted(model.model_fields) if model is not None else None


def _value(text: str, override: str) -> Any:
    try:
        return yaml.load(text, _Loader)
    except yaml.YAMLError as error:
        raise RecipeError(f"--set {override!r}: the value is not valid YAML: {error}") from None


def _explain(error: ValidationError) -> str:
    lines = [f"{'.'.join(map(str, issue['loc'])) or 'recipe'}: {issue['msg']}" for issue in error.errors()]
    return "the recipe is not valid:\n" + "\n".join(f"  {line}" for line in lines)
