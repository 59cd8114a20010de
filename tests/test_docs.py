"""The documents, kept true: every setting, route, kind, metric and link they must name, they name."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from urllib.parse import unquote

import pytest

from tests.brokers import services_of, settings_in
from twitter_connector import create_app
from twitter_connector.config import Settings
from twitter_connector.translate import registry

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
SKIPPED = {".venv", ".git", "node_modules", "var", ".pytest_cache", ".mypy_cache", ".ruff_cache"}
DOCUMENTS = sorted(
    path
    for path in ROOT.rglob("*.md")
    if not SKIPPED & set(path.relative_to(ROOT).parts) and ".egg-info" not in str(path)
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
    asked = [
        node.args[0].value
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "read"
        and isinstance(node.args[0], ast.Constant)
    ]
    return sorted({str(name) for name in asked})


def rows(document: str) -> list[list[str]]:
    """Return the cells of every table row of a document."""
    lines = (line.strip() for line in document.splitlines())
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]


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
    "VAR_DIR": "var",
    "TWITTER_MEDIA_HOSTS": ",".join(Settings.twitter_media_hosts),
    "INBOUND_MAX_AGE": "24h",
    "OUTBOUND_MAX_AGE": "24h",
    "DEAD_LETTERS_MAX_AGE": "30d",
}


class TestSettings:
    def test_there_are_settings(self) -> None:
        assert len(variables()) > 20

    @pytest.mark.parametrize("name", variables())
    def test_every_variable_is_in_the_readme_with_its_default(self, name: str) -> None:
        row = next((r for r in rows(text_of("README.md")) if f"`{name}`" in r[0]), None)
        assert row is not None, f"README.md has no row for {name}"
        settings_name = {f.name for f in fields(Settings)}
        expected = DEFAULT_WORDS.get(name)
        if expected is None:
            assert name.lower() in settings_name, f"tell this test how the default of {name} is written"
            expected = str(getattr(Settings, name.lower()))
        told = row[0] + row[1]
        assert expected in told.replace(" ", "") or expected in told, f"the default of {name} is {expected}"

    @pytest.mark.parametrize("name", ["INBOUND_MAX_AGE", "OUTBOUND_MAX_AGE", "DEAD_LETTERS_MAX_AGE"])
    def test_durations_in_words_are_those_in_force(self, name: str) -> None:
        named, default = (
            getattr(Settings.from_env({"VAR_DIR": "/nowhere", **env}), name.lower())
            for env in ({name: DEFAULT_WORDS[name]}, {})
        )
        assert named == default

    @pytest.mark.parametrize("row", [r[0] for r in rows(text_of("README.md"))], ids=str)
    def test_no_variable_is_told_that_nobody_reads(self, row: str) -> None:
        told = re.fullmatch(r"((`[A-Z][A-Z0-9_]{3,}`)(, )?)+", row)
        if told is None:
            return
        # Named for other reasons: what a container sets, and what prometheus_client reads itself.
        known = {*variables(), "TZ", "PROMETHEUS_MULTIPROC_DIR"}
        guides = {"API-KEY", "WEBHOOK-URL"}
        assert set(re.findall(r"`([A-Z0-9_]+)`", row)) <= known | guides | CIM_TYPES


class TestRoutes:
    def test_every_route_is_in_the_readme(self, tmp_path: Path) -> None:
        services = services_of(settings_in(tmp_path))
        app = create_app(services.settings, services)
        readme = text_of("README.md")
        told = re.sub(r"[{<](?:\w+:)?\w+[}>]", "{}", readme)
        missing = []
        for rule in app.url_map.iter_rules():
            path = re.sub(r"<(?:\w+:)?\w+>", "{}", rule.rule)
            for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
                named = re.search(rf"(?<![\w}}/-]){re.escape(path)}(?![\w{{/-])", told)
                if named is None or method not in told:
                    missing.append(f"{method} {rule.rule}")
        assert missing == []


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


class TestMetrics:
    def names(self) -> set[str]:
        """Return every metric's name as it stands in the code."""
        found: set[str] = set()
        for path in (ROOT / "twitter_connector").rglob("*.py"):
            found |= set(re.findall(r'"(twitter_connector_[a-z_]+)"', path.read_text("utf-8")))
        return found

    def test_every_metric_is_explained_to_the_operator(self) -> None:
        assert len(self.names()) >= 9
        told = text_of("docs/operations.md")
        assert {name for name in self.names() if f"`{name}" not in told} == set()


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

    def test_decisions_named_by_number_are_there(self) -> None:
        there = {path.name[:4] for path in (ROOT / "docs" / "decisions").glob("*.md")}
        sources = [*(ROOT / "twitter_connector").rglob("*.py"), *(ROOT / "workers").rglob("*.py"), *DOCUMENTS]
        named = {n for s in sources for n in re.findall(r"docs/decisions/(\d{4})", s.read_text("utf-8"))}
        assert named <= there


def links(path: Path) -> Iterator[str]:
    document = re.sub(r"```.*?```", "", path.read_text("utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)(?:\s+\"[^\"]*\")?\)", document):
        if not re.match(r"[a-z][a-z0-9+.-]*:", target):
            yield target


def leads_somewhere(path: Path, target: str) -> bool:
    name, _, anchor = target.partition("#")
    found = (path.parent / unquote(name)).resolve() if name else path
    if not found.exists():
        return False
    if not anchor or found.suffix != ".md":
        return True
    headings = re.findall(r"^#+\s+(.*)$", found.read_text("utf-8"), re.MULTILINE)
    return anchor in {slug(heading) for heading in headings}


def slug(heading: str) -> str:
    """Return the anchor that a heading gets where the documents are shown."""
    plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading.strip().lower())
    return re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")
