"""Compare the documents with the code: settings, routes, commands, kinds, metrics, links and file names."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
import shlex
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import get_args
from urllib.parse import unquote

import click
import pytest

from tests.brokers import services_of, settings_in
from twitter_connector import create_app
from twitter_connector.cli import main
from twitter_connector.config import Settings
from twitter_connector.messages import kinds, registry
from twitter_connector.messages.kind import Kind
from twitter_connector.model.event import Activity

ROOT = Path(__file__).parents[1]
REFERENCE = "docs/reference.md"
# Hidden folders and these have pages of others, and thousands of folders.
SKIPPED = {"node_modules", "var"}
DOCUMENTS = sorted(
    page
    for top in ROOT.iterdir()
    if not top.name.startswith(".") and top.name not in SKIPPED and top.suffix != ".egg-info"
    for page in (top.rglob("*.md") if top.is_dir() else [top])
    if page.suffix == ".md"
)

# What CIM's object model knows, by body type; in capitals, since the spelling varies.
CIM_TYPES = {
    "PLAIN", "IMAGE", "VIDEO", "AUDIO", "FILE", "MULTIMEDIA", "STICKER", "URL", "LOCATION", "CONTACT", "BUTTON",
    "CAROUSEL", "TEMPLATE", "COMMENT", "DELIVERYNOTIFICATION", "DELETEDNOTIFICATION", "NOTIFICATION", "WRAPUP",
    "CUSTOM", "ACTION", "RECEIPT", "EMAIL", "VOICE", "FORM_DATA", "STRUCTUREDMESSAGE",
}  # fmt: skip


def text_of(name: str) -> str:
    path = ROOT / name
    assert path.exists(), f"{name} is missing"
    return path.read_text("utf-8")


def variables() -> list[str]:
    """Return every variable that config.py asks its reader for."""
    tree = ast.parse((ROOT / "twitter_connector" / "config.py").read_text("utf-8"))
    names = [
        node.args[0].value
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "read"
        and isinstance(node.args[0], ast.Constant)
    ]
    return sorted({str(name) for name in names})


def section(name: str, heading: str) -> str:
    """Return what stands below a heading of the second level."""
    return text_of(name).partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


def rows(document: str) -> list[list[str]]:
    """Return the cells of every table row of a document."""
    lines = (line.strip() for line in document.splitlines())
    return [
        [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip("|"))] for line in lines if line.startswith("|")
    ]


# How a default is written down where it is not its plain value.
DEFAULT_WORDS = {
    "CCM_URL": "sandbox",
    "FILE_ENGINE_URL": "unset",
    "PUBLIC_FILE_ENGINE_URL": "FILE_ENGINE_URL",
    "PUBLIC_URL": "unset",
    "REDIS_URL": "unset",
    "CONNECTOR_API_TOKEN": "unset",
    "CREDENTIALS_KEY": "unset",
    "LOG_FORMAT": "json",
    "SANDBOX_PORT": "8090",
    "SANDBOX": "checkout",
    "VAR_DIR": "var",
    "TWITTER_MEDIA_HOSTS": ",".join(Settings.twitter_media_hosts),
    "INBOUND_MAX_AGE": "24h",
    "OUTBOUND_MAX_AGE": "24h",
    "DEAD_LETTERS_MAX_AGE": "30d",
    "X_PRICES": "X's published list",
    "USAGE_SOFT_LIMIT": "unset",
    "USAGE_HARD_LIMIT": "unset",
    "NOTIFY_URL": "unset",
    "OTEL_EXPORTER_OTLP_ENDPOINT": "unset",
    "OTEL_EXPORTER_OTLP_HEADERS": "unset",
    "OTEL_EXPORTER_OTLP_PROTOCOL": "unset",
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "unset",
    "OTEL_EXPORTER_OTLP_TRACES_HEADERS": "unset",
    "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "unset",
    "OTEL_SDK_DISABLED": "unset",
    "OTEL_TRACES_EXPORTER": "unset",
    "CONSOLE_USERS": "unset",
    "CONSOLE_OIDC_ISSUER": "unset",
    "CONSOLE_OIDC_CLIENT_ID": "unset",
    "CONSOLE_OIDC_CLIENT_SECRET": "unset",
    "CONSOLE_OIDC_OPERATORS": "unset",
}


class TestSettings:
    def test_there_are_settings(self) -> None:
        assert len(variables()) > 20

    @pytest.mark.parametrize("name", variables())
    def test_every_variable_is_in_the_reference_with_its_default(self, name: str) -> None:
        row = next((r for r in rows(section(REFERENCE, "Environment")) if f"`{name}`" in r[0]), None)
        assert row is not None, f"{REFERENCE} has no row for {name}"
        settings_name = {f.name for f in fields(Settings)}
        expected = DEFAULT_WORDS.get(name)
        if expected is None:
            assert name.lower() in settings_name, f"tell this test how the default of {name} is written"
            expected = str(getattr(Settings, name.lower()))
        default = row[1]
        assert expected in default.replace(" ", "") or expected in default, f"the default of {name} is {expected}"

    @pytest.mark.parametrize("name", ["INBOUND_MAX_AGE", "OUTBOUND_MAX_AGE", "DEAD_LETTERS_MAX_AGE"])
    def test_durations_in_words_are_those_in_force(self, name: str) -> None:
        named, default = (
            getattr(Settings.from_env({"VAR_DIR": "/nowhere", "SANDBOX": "1", **env}), name.lower())
            for env in ({name: DEFAULT_WORDS[name]}, {})
        )
        assert named == default

    def test_the_reference_names_no_variable_that_nobody_reads(self) -> None:
        documented = {
            name for r in rows(section(REFERENCE, "Environment")) for name in re.findall(r"`([A-Z0-9_]+)`", r[0])
        }
        # The platform sets TZ; prometheus_client reads its own variable itself.
        assert documented - {*variables(), "TZ", "PROMETHEUS_MULTIPROC_DIR"} == set()


class TestRoutes:
    def served(self, tmp_path: Path) -> set[tuple[str, str]]:
        """Return (method, path) of every route, with {} in the place of each parameter."""
        services = services_of(settings_in(tmp_path))
        return {
            (method, re.sub(r"<(?:\w+:)?\w+>", "{}", rule.rule))
            for rule in create_app(services.settings, services).url_map.iter_rules()
            # It only answers that the method is wrong.
            if not rule.endpoint.endswith("by_another_method")
            for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        }

    def documented(self) -> set[tuple[str, str]]:
        """Return (method, path) of every route in the reference. A path without a method has the one before it."""
        routes = set()
        for cells in rows(section(REFERENCE, "Routes")):
            method = ""
            for code in re.findall(r"`([^`]+)`", cells[0]):
                word, _, rest = code.rpartition(" ")
                method, path = word or method, rest
                routes.add((method, re.sub(r"\{\w+\}", "{}", path.partition("?")[0])))
        return routes

    def test_the_reference_has_every_route_and_no_other(self, tmp_path: Path) -> None:
        served, documented = self.served(tmp_path), self.documented()
        assert len(served) > 20
        assert sorted(served - documented) == []
        assert sorted(documented - served) == []


def leaves(group: click.Group, prefix: str = "") -> Iterator[tuple[str, click.Command]]:
    """Yield each command that runs something, with its whole name."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from leaves(command, f"{prefix}{name} ")
        elif not command.hidden:
            yield prefix + name, command


COMMANDS = dict(leaves(main))
# `twitter-connector` and what follows it, in a line of a code block or in code quotes.
TYPED = re.compile(r"(?:^|(?<=[\s`/]))twitter-connector ([a-z][^`\n]*)")


class TestCommands:
    def documented(self) -> dict[str, str]:
        """Return each command of the reference with what stands behind its name, and the star of its row."""
        commands = {}
        for cells in rows(section(REFERENCE, "Command line")):
            for code in re.findall(r"`([a-z][^`]*)`", cells[0]):
                words = re.match(r"[a-z-]+( [a-z-]+)*", code)
                assert words is not None
                name = words[0]
                commands[name] = code.removeprefix(name) + (" *" if cells[0].endswith("*") else "")
        return commands

    def test_the_reference_has_every_command_and_no_other(self) -> None:
        assert sorted(self.documented()) == sorted(COMMANDS)

    @pytest.mark.parametrize("name", sorted(COMMANDS))
    def test_the_reference_has_every_argument_and_option_of_a_command(self, name: str) -> None:
        shown = self.documented().get(name, "")
        options = {o for p in COMMANDS[name].params if isinstance(p, click.Option) for o in p.opts}
        assert set(re.findall(r"--[a-z-]+", shown)) == options - {"--json"}
        assert shown.endswith("*") == ("--json" in options)
        arguments = [p for p in COMMANDS[name].params if isinstance(p, click.Argument)]
        named = re.findall(r"(?<!--)\b[A-Z_]{2,}\b", re.sub(r"\[--[^\]]*\]", "", shown))
        assert len(named) == len(arguments)

    @pytest.mark.parametrize("path", DOCUMENTS, ids=lambda p: str(p.relative_to(ROOT)))
    def test_the_command_line_accepts_every_command_in_the_documents(self, path: Path, tmp_path: Path) -> None:
        file = tmp_path / "account.json"
        file.touch()
        refused = []
        for line in TYPED.findall(path.read_text("utf-8")):
            typed = re.split(r"\s+(?:#|<|>|\||&&)", line.replace("…", ""))[0].rstrip(" .,)")
            try:
                accept(main, shlex.split(re.sub(r"account\.json|\bFILE\b", str(file), typed)))
            except click.UsageError as error:
                refused.append(f"{typed}: {error.format_message()}")
        assert refused == []


def accept(group: click.Group, words: list[str]) -> None:
    """Check words as the command line would, without running the command. Raises click.UsageError."""
    command: click.Command = group
    context = click.Context(group)
    while isinstance(command, click.Group) and words:
        _, subcommand, words = command.resolve_command(context, words)
        assert subcommand is not None
        command = subcommand
    if not isinstance(command, click.Group):
        command.make_context(command.name, words, parent=context).close()


class TestKinds:
    def places(self, type_: str) -> list[str]:
        handled = [t for kind in registry.KINDS for t in kind.types]
        return (
            ["KINDS"] * handled.count(type_)
            + (["IGNORED"] if type_ in registry.IGNORED else [])
            + (["UNSUPPORTED"] if type_ in registry.UNSUPPORTED else [])
        )

    @pytest.mark.parametrize("type_", sorted(CIM_TYPES))
    def test_every_cim_type_is_in_exactly_one_place(self, type_: str) -> None:
        assert len(self.places(type_)) == 1, self.places(type_)

    def test_no_type_is_in_two_places(self) -> None:
        known = [t for kind in registry.KINDS for t in kind.types]
        assert len(known) == len(set(known))
        assert not set(known) & set(registry.IGNORED)
        assert not set(known) & set(registry.UNSUPPORTED)
        assert not set(registry.IGNORED) & set(registry.UNSUPPORTED)
        everything = {*known, *registry.IGNORED, *registry.UNSUPPORTED}
        assert all(t == t.upper() for t in everything)

    def test_every_reason_is_a_sentence_for_a_person(self) -> None:
        assert all(reason.strip() for reason in registry.IGNORED.values())
        assert all(sentence.endswith(".") for sentence in registry.UNSUPPORTED.values())

    @pytest.mark.parametrize(
        "type_",
        sorted({*CIM_TYPES, *(t for k in registry.KINDS for t in k.types), *registry.IGNORED, *registry.UNSUPPORTED}),
    )
    def test_every_type_has_a_row_for_an_integrator(self, type_: str) -> None:
        first_cells = [r[0].upper() for r in rows(text_of("docs/message-kinds.md"))]
        assert any(f"`{type_}`" in cell for cell in first_cells), f"docs/message-kinds.md has no row for {type_}"


class TestModulesOfKinds:
    PAGE = "docs/message-kinds.md"

    def modules(self) -> dict[str, set[str]]:
        """Return the CIM types that each module of messages/kinds handles, by the module's name."""
        names = [module.name for module in pkgutil.iter_modules(kinds.__path__)]
        return {
            name: {
                type_
                for value in vars(importlib.import_module(f"{kinds.__name__}.{name}")).values()
                if isinstance(value, Kind)
                for type_ in value.types
            }
            for name in names
        }

    def test_the_table_names_the_module_of_every_type(self) -> None:
        documented = {
            re.findall(r"\w+", cells[0])[0]: set(re.findall(r"`(\w+)`", cells[-1]))
            for cells in rows(text_of(self.PAGE).partition("\n## ")[0])
            if cells[0].startswith("`")
        }
        handled = {type_: name for name, types in self.modules().items() for type_ in types}
        assert {type_ for type_, name in handled.items() if name not in documented[type_.upper()]} == set()
        assert {type_ for type_, names in documented.items() if names and type_ not in handled} == set()

    def test_the_tables_name_every_module_and_no_other(self) -> None:
        named = {name for cells in rows(text_of(self.PAGE)) for name in re.findall(r"`([a-z_]+)`", cells[-1])}
        assert sorted(named) == sorted(self.modules())

    def test_the_table_of_events_has_every_event_of_x(self) -> None:
        documented = [cells[0].strip("`") for cells in rows(section(self.PAGE, "Events from X"))[2:] if cells[0]]
        assert sorted(documented) == sorted(event.__name__ for event in get_args(Activity))


class TestMetrics:
    def names(self) -> set[str]:
        """Return every metric's name as it stands in the code."""
        names: set[str] = set()
        for path in (ROOT / "twitter_connector").rglob("*.py"):
            names |= set(re.findall(r'"(twitter_connector_[a-z_]+)"', path.read_text("utf-8")))
        return names

    def test_every_metric_is_explained_to_the_operator(self) -> None:
        assert len(self.names()) >= 9
        page = text_of("docs/operations.md")
        assert {name for name in self.names() if f"`{name}" not in page} == set()

    def test_the_operators_page_names_no_metric_that_is_not_in_the_code(self) -> None:
        named = set(re.findall(r"`(twitter_connector_[a-z_]+)", text_of("docs/operations.md")))
        assert len(named) >= 9
        assert named - self.names() == set()


class TestReadme:
    def test_the_readme_has_at_most_two_hundred_lines(self) -> None:
        assert len(text_of("README.md").splitlines()) <= 200

    def test_the_readme_says_what_to_type_first(self) -> None:
        assert "```sh\nmake run\nmake test\n```" in text_of("README.md")


class TestArchitecturePage:
    def test_it_opens_with_a_glossary_of_at_most_fifteen_lines(self) -> None:
        page = text_of("docs/architecture.md")
        assert re.match(r"# Architecture\n\n## Glossary\n", page)
        lines = [line for line in section("docs/architecture.md", "Glossary").splitlines() if line]
        assert 0 < len(lines) <= 15

    def test_it_names_every_package(self) -> None:
        named = {n for r in rows(section("docs/architecture.md", "Packages")) for n in re.findall(r"`([\w.]+)`", r[0])}
        top = ROOT / "twitter_connector"
        packages = {path.parent.name for path in top.glob("*/__init__.py")} | {"workers"}
        modules = {path.name for path in top.glob("*.py")} - {"__init__.py"}
        assert sorted(named) == sorted(packages | modules)


class TestDocuments:
    def test_the_changelog_is_there_and_begins_with_the_latest(self) -> None:
        assert re.search(r"^## ", text_of("CHANGELOG.md"), re.MULTILINE)

    @pytest.mark.parametrize("path", DOCUMENTS, ids=lambda p: str(p.relative_to(ROOT)))
    def test_every_relative_link_leads_somewhere(self, path: Path) -> None:
        broken = [target for target in links(path) if not leads_somewhere(path, target)]
        assert broken == []

    @pytest.mark.parametrize("path", DOCUMENTS, ids=lambda p: str(p.relative_to(ROOT)))
    def test_no_document_is_empty(self, path: Path) -> None:
        assert path.read_text("utf-8").strip()

    def test_files_named_in_code_quotes_are_there(self) -> None:
        """`twitter_connector/...`, `docs/...` and the like, wherever a document or a comment names them."""
        pattern = re.compile(
            r"(?<![\w./-])((?:twitter_connector|workers|docs|tests|sandbox|benchmarks|deploy)/[\w./-]*\w\.(?:py|md|json|yaml|yml))"
        )
        sources = [*DOCUMENTS, *(ROOT / "twitter_connector").rglob("*.py"), *(ROOT / "workers").rglob("*.py")]
        missing = {
            f"{source.relative_to(ROOT)}: {name}"
            for source in sources
            for name in pattern.findall(source.read_text("utf-8"))
            if not (ROOT / name).exists()
        }
        assert missing == set()

    def test_each_decision_has_a_number_of_its_own_and_says_it(self) -> None:
        pages = sorted((ROOT / "docs" / "decisions").glob("*.md"))
        assert [path.name[:4] for path in pages] == [f"{number:04}" for number in range(1, len(pages) + 1)]
        assert [path.name for path in pages if not path.read_text("utf-8").startswith(f"# {path.name[:4]} ")] == []

    def test_decisions_named_by_number_are_there(self) -> None:
        numbers = {path.name[:4] for path in (ROOT / "docs" / "decisions").glob("*.md")}
        sources = [*(ROOT / "twitter_connector").rglob("*.py"), *(ROOT / "workers").rglob("*.py"), *DOCUMENTS]
        named = {n for s in sources for n in re.findall(r"docs/decisions/(\d{4})", s.read_text("utf-8"))}
        assert named <= numbers


def links(path: Path) -> Iterator[str]:
    document = re.sub(r"```.*?```|`[^`\n]*`", "", path.read_text("utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)(?:\s+\"[^\"]*\")?\)", document):
        if not re.match(r"[a-z][a-z0-9+.-]*:", target):
            yield target


def leads_somewhere(path: Path, target: str) -> bool:
    name, _, anchor = target.partition("#")
    file = (path.parent / unquote(name)).resolve() if name else path
    if not file.exists():
        return False
    if not anchor or file.suffix != ".md":
        return True
    headings = re.findall(r"^#+\s+(.*)$", file.read_text("utf-8"), re.MULTILINE)
    return anchor in {slug(heading) for heading in headings}


def slug(heading: str) -> str:
    """Return the anchor that a heading gets in a rendered document."""
    plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading.strip().lower())
    return re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")
