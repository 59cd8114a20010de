"""The dependency rules of docs/architecture.md, checked by reading the imports: who may import whom, who reads the
environment, who constructs clients. Reads the code only; runs none of it.

docs/decisions/0005 gives the reasons where the rules differ from the first plan.
"""

from __future__ import annotations

import ast
import configparser
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("twitter_connector", "workers")
FILES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))

# Everything may import these; they import nothing of the project but the model's own parts.
GROUND = {"model", "errors", "config", "logs"}
# Modules of an edge package that are pure, so that the packages in the middle may use them.
FILE_KIND = {"media.file_kind", "media.gif", "media.measure", "media.mp4"}
ENVELOPE = {"cim.envelope", "cim.channel_configuration"}
ADDRESSES = {"net.addresses"}
PURE_MODULES = FILE_KIND | ENVELOPE | ADDRESSES
ALL_BUT_ENTRY_POINTS = {
    "accounts", "bootstrap", "broker", "cim", "cli", "commands", "core_dumps", "counter_files", "delivery", "findings",
    "media", "messages", "metrics", "net", "open_files", "processes", "queue", "startup", "store", "tracing", "twitter",
    "var_dir",
}  # fmt: skip

# Package (or pure module) -> what else of the project it may import, beside GROUND and itself.
MAY_IMPORT: dict[str, set[str]] = {
    "model": set(),
    "errors": set(),
    # The parsers of the values.
    "config": {"config_values"},
    "config_values": set(),
    "logs": {"log_redaction"},
    "log_redaction": set(),
    "metrics": {"counter_files"},
    "counter_files": set(),
    "var_dir": set(),
    "open_files": set(),
    "core_dumps": set(),
    "net": ADDRESSES,
    "net.addresses": set(),
    "messages": ADDRESSES,
    "cim.envelope": set(),
    "cim.channel_configuration": ENVELOPE,
    "media.file_kind": FILE_KIND,
    "media.gif": FILE_KIND,
    "media.measure": FILE_KIND,
    "media.mp4": FILE_KIND,
    "twitter": {"net"} | ADDRESSES,
    "cim": {"net"} | ENVELOPE,
    "media": {"net"} | FILE_KIND,
    "broker": set(),
    "queue": {"broker"},
    "store": {"broker", "var_dir"},
    "delivery": {"messages"} | PURE_MODULES,
    "accounts": {"messages", "delivery.intake"} | PURE_MODULES,
    "web": {"delivery.intake", "accounts", "queue", "store", "net", "metrics", "bootstrap", "startup", "tracing"}
    | PURE_MODULES,
    "workers": {
        "bootstrap",
        "core_dumps",
        "startup",
        "delivery",
        "accounts",
        "metrics",
        "counter_files",
        "queue.wakeups",
        "store.append_only_file",
        "processes.awaited_signals",
    },
    "startup": {"broker", "media", "queue", "store", "var_dir", "open_files"},
    "bootstrap": ALL_BUT_ENTRY_POINTS,
    "findings": {"bootstrap", "startup", "accounts", "queue", "store", "net", "var_dir", "open_files"},
    "console": {"bootstrap", "startup", "accounts", "findings", "var_dir", "queue", "store", "web", "net"},
    "tracing": {"delivery", "queue", "net"},
    "processes": ALL_BUT_ENTRY_POINTS,
    "cli": ALL_BUT_ENTRY_POINTS,
    "__main__": {"cli"},
    "commands": ALL_BUT_ENTRY_POINTS,
    # create_app, and nothing else, is at the top of the package.
    "": {"web", "bootstrap", "console"},
}

# Package -> what it may use from outside the standard library.
FROM_OUTSIDE: dict[str, set[str]] = {
    "model": set(),
    "errors": set(),
    "config": set(),
    "config_values": set(),
    "logs": {"structlog"},
    "log_redaction": set(),
    "metrics": {"prometheus_client"},
    "counter_files": {"prometheus_client"},
    "var_dir": set(),
    "open_files": set(),
    "core_dumps": set(),
    "net": {"requests", "urllib3"},
    # regex: graphemes, which the standard library does not know.
    "messages": {"regex"},
    "net.addresses": set(),
    "cim.envelope": {"marshmallow"},
    "cim.channel_configuration": {"marshmallow"},
    "media.file_kind": set(),
    "media.gif": set(),
    "media.measure": set(),
    "media.mp4": set(),
    "twitter": {"requests", "requests_oauthlib", "oauthlib", "marshmallow"},
    "cim": {"requests", "marshmallow"},
    "media": set(),
    # hiredis: packs the commands of the scripts.
    "broker": {"redis", "hiredis"},
    # celery: a wake-up is a Celery task. kombu: its connections to the broker.
    "queue": {"redis", "celery", "kombu"},
    "store": {"redis", "cryptography"},
    # marshmallow: what reading an envelope raises.
    "delivery": {"marshmallow"},
    "accounts": {"marshmallow"},
    # apispec: makes the OpenAPI document. markupsafe: what Flask makes pages with.
    "web": {"flask", "werkzeug", "markupsafe", "marshmallow", "apispec", "prometheus_client"},
    # click: whether a flag was typed. kombu: the event loop of Celery's worker.
    "workers": {"celery", "click", "kombu"},
    "startup": set(),
    "findings": set(),
    # werkzeug: the hash of a password. authlib, joserfc: OpenID Connect. itsdangerous: what Flask seals cookies with.
    "console": {"flask", "werkzeug", "markupsafe", "marshmallow", "authlib", "joserfc", "itsdangerous"},
    "bootstrap": {"redis", "requests"},
    "tracing": {"opentelemetry"},
    "processes": {"redis", "gunicorn"},
    "cli": {"click"},
    "__main__": set(),
    # cryptography: prints a new credentials key.
    "commands": {"click", "redis", "requests", "marshmallow", "cryptography", "werkzeug"},
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


@cache
def own_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def package_of(module: str) -> str:
    """Return the package of a module of ours. A pure module of an edge counts as its own; `workers` is one package."""
    if module.split(".", maxsplit=1)[0] == "workers":
        return "workers"
    parts = module.split(".")[1:]
    inner = ".".join(parts[:2])
    return inner if inner in PURE_MODULES else (parts[0] if parts else "")


@cache
def nodes_of(path: Path) -> list[ast.AST]:
    return list(ast.walk(ast.parse(path.read_text("utf-8"))))


def imports_of(path: Path) -> Iterator[Import]:
    package = own_name(path) if path.name == "__init__.py" else own_name(path).rpartition(".")[0]
    for node in nodes_of(path):
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


@cache
def all_imports() -> list[Import]:
    return [one for path in FILES for one in imports_of(path)]


@cache
def our_imports() -> list[Import]:
    """Return the imports of our own modules."""
    return [i for i in all_imports() if i.module.split(".")[0] in PACKAGES]


def test_there_is_something_to_read() -> None:
    assert len(FILES) > 50
    assert len(our_imports()) > 200


def steps_of(package: str) -> set[str]:
    """Return the imports of a package that its rule forbids, as "module -> module"."""
    steps = set()
    for found in our_imports():
        if package_of(own_name(found.path)) != package:
            continue
        target, inner = package_of(found.module), ".".join(found.module.split(".")[1:3])
        # The ground itself stands on nothing but the model's own parts.
        allowed = {package} | MAY_IMPORT[package] if package in GROUND else {package} | GROUND | MAY_IMPORT[package]
        if package in PURE_MODULES:
            allowed -= {"config"}
        if target not in allowed and inner not in allowed:
            steps.add(f"{own_name(found.path)} -> {found.module}")
    return steps


@pytest.mark.parametrize("package", sorted(MAY_IMPORT), ids=lambda r: r or "the package itself")
def test_a_package_imports_only_what_its_rule_allows(package: str) -> None:
    assert steps_of(package) == set()


def test_every_file_is_in_a_package_the_table_knows() -> None:
    unknown = {own_name(path) for path in FILES if package_of(own_name(path)) not in MAY_IMPORT}
    assert unknown == set()


@pytest.mark.parametrize("package", sorted(FROM_OUTSIDE), ids=lambda r: r or "the package itself")
def test_a_package_uses_only_its_own_libraries(package: str) -> None:
    allowed = set(sys.stdlib_module_names) | set(PACKAGES) | FROM_OUTSIDE[package]
    steps = [
        str(i)
        for i in all_imports()
        if package_of(own_name(i.path)) == package and i.module.split(".")[0] not in allowed
    ]
    assert steps == []


def test_the_package_never_imports_the_workers_or_the_sandbox() -> None:
    steps = [
        str(i)
        for i in all_imports()
        if own_name(i.path).startswith("twitter_connector") and i.module.startswith("workers")
    ]
    steps += [str(i) for i in all_imports() if i.module.split(".")[0] in ("sandbox", "tests", "benchmarks")]
    assert steps == []


def test_the_sandbox_imports_neither_package() -> None:
    for path in sorted((ROOT / "sandbox").rglob("*.py")):
        steps = [str(i) for i in imports_of(path) if i.module.split(".")[0] in PACKAGES]
        assert steps == []


def test_the_edges_never_import_one_another() -> None:
    edges = {"twitter", "cim", "queue", "store", "media"}
    steps = []
    for found in our_imports():
        one, other = package_of(own_name(found.path)).split(".")[0], package_of(found.module).split(".")[0]
        if one in edges and other in edges and one != other:
            steps.append(str(found))
    assert steps == []


def flavour_of(module: str) -> str:
    """Return the flavour's folder that a module lies in; "" for all other modules."""
    parts = module.split(".")
    in_folder = parts[:2] == ["twitter_connector", "twitter"] and len(parts) > 2
    return parts[2] if in_folder and (ROOT.joinpath(*parts[:3]) / "__init__.py").exists() else ""


def test_a_flavours_folder_is_imported_by_flavours_alone_and_imports_no_other() -> None:
    strangers = {
        f"{own_name(i.path)} -> {i.module}"
        for i in our_imports()
        if flavour_of(i.module)
        and flavour_of(own_name(i.path)) != flavour_of(i.module)
        and own_name(i.path) != "twitter_connector.twitter.flavours"
    }
    assert flavour_of("twitter_connector.twitter.v1.messages") == "v1"
    assert strangers == set()


def test_no_module_has_a_name_that_says_nothing() -> None:
    places = [*FILES, *(ROOT / "sandbox").rglob("*.py"), *(ROOT / "tests").rglob("*.py")]
    vague = {str(p.relative_to(ROOT)) for p in places if VAGUE & {p.stem, *p.relative_to(ROOT).parts}}
    assert vague == set()


@cache
def calls(path: Path) -> list[tuple[int, str]]:
    """Return (line, dotted name) of everything that is called, as far as it has a plain name."""
    return [(node.lineno, ast.unparse(node.func)) for node in nodes_of(path) if isinstance(node, ast.Call)]


def test_only_config_touches_the_environment() -> None:
    touching = []
    for path in [*FILES, ROOT / "wsgi.py"]:
        for node in nodes_of(path):
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
    "redis.Redis.from_url": {"broker/connection.py"},
    "redis.Redis": set(),
    "requests.Session": {"net/http_client.py"},
    "requests.get": set(),
    "requests.post": set(),
    "requests.request": set(),
    "Wire": {"bootstrap.py"},
    "connect": {"bootstrap.py", "startup.py", "processes/supervisor.py"},
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
        for i in all_imports()
        if package_of(own_name(i.path)) == "web"
        and i.module.split(".")[0] in ("requests", "urllib", "urllib3", "http", "socket")
        and i.module not in ("urllib.parse", "http")
    ]
    assert steps == []


def test_the_pure_packages_know_neither_clock_nor_chance_nor_network() -> None:
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
        for i in all_imports()
        if package_of(own_name(i.path)) in ("messages", "model", *PURE_MODULES) and i.module.split(".")[0] in impure
    ]
    for path in FILES:
        if package_of(own_name(path)) in ("messages", "model", *PURE_MODULES):
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
        # The first node of a file is its module.
        if path.read_text("utf-8").strip() and not ast.get_docstring(nodes_of(path)[0])  # type: ignore[arg-type]
    ]
    assert silent == []


def test_inside_a_package_imports_are_relative_so_that_a_step_outside_is_seen_in_a_diff() -> None:
    def folder(path: Path) -> str:
        parts = path.relative_to(ROOT).parts
        return ".".join(parts[:2] if parts[0] != "workers" else parts[:1]) if len(parts) > 2 else parts[0]

    strangers = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in FILES
        if folder(path) != "twitter_connector" and path.suffix == ".py"
        for node in nodes_of(path)
        if isinstance(node, ast.ImportFrom) and not node.level and f"{node.module}.".startswith(f"{folder(path)}.")
    ]
    assert strangers == []


def test_no_dependency_is_declared_that_nothing_imports_or_locates() -> None:
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    declared = re.findall(r"^[A-Za-z0-9_-]+", config["options"]["install_requires"], re.MULTILINE)
    used = {i.module.split(".")[0] for i in all_imports()}
    # The broker's server is a file of a package.
    used |= {
        str(node.args[0].value)
        for path in FILES
        for node in nodes_of(path)
        if isinstance(node, ast.Call)
        and ast.unparse(node.func) == "find_spec"
        and isinstance(node.args[0], ast.Constant)
    }
    assert declared
    assert [name for name in declared if name.replace("-", "_") not in used] == []


LINES_MAX = 200
# Modules above the limit, each with the reason why it still means one thing.
LONG_MODULES = {
    "twitter_connector/accounts/credentials.py": "one use case: other credentials for an account, from CCM",
    "twitter_connector/accounts/registration.py": "the use cases of one account's registration, in one order",
    "twitter_connector/accounts/token_refresh.py": "one use case: the next token pair of a grant, and when it is due",
    "twitter_connector/accounts/webhook_setup.py": "one decision: which webhook is kept, created, moved or put back",
    "twitter_connector/bootstrap.py": "the one place that constructs everything",
    "twitter_connector/cim/envelope.py": "one envelope, read and written",
    "twitter_connector/config.py": "one table: every variable with its reader",
    "twitter_connector/config_values.py": "one function for each kind of value",
    "twitter_connector/delivery/consumer.py": "one loop: lease, deliver, settle, postpone, give up",
    "twitter_connector/delivery/intake.py": "one stored form: what a lane stores, written and read back",
    "twitter_connector/delivery/outbound.py": "one use case: one message of CIM's on its way to X",
    "twitter_connector/delivery/retry_policy.py": "the one place that acts on errors",
    "twitter_connector/delivery/send_step.py": "one send: recorded, sent once, looked up if its answer is lost",
    "twitter_connector/errors.py": "the one list of error families and scopes",
    "twitter_connector/model/work.py": "the one list of what lanes and their effects carry",
    "twitter_connector/net/public_fetch.py": "one guarded fetch: address check, redirects, limits",
    "twitter_connector/processes/supervisor.py": "one supervisor: start order, restarts, stop order",
    "twitter_connector/queue/lanes.py": "one method for each script of the lanes",
    "twitter_connector/queue/send_ledger.py": "one store: what was begun and done of each message to X",
    "twitter_connector/store/accounts.py": "one store: the accounts' rows, their cache, and what was last seen of each",
    "twitter_connector/twitter/http.py": "one request to X and the classification of its answer",
    "twitter_connector/twitter/v2/subscriptions.py": "both kinds of subscriptions of API v2",
    "twitter_connector/web/answer_schemas.py": "one table: the form of every answer",
    "twitter_connector/web/operations.py": "one table: every route as /openapi.json describes it",
}


def test_a_module_is_short_or_says_why_it_is_long() -> None:
    long = {
        path.relative_to(ROOT).as_posix() for path in FILES if len(path.read_text("utf-8").splitlines()) > LINES_MAX
    }
    assert long == LONG_MODULES.keys()
