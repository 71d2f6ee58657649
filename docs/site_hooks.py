"""What the site has beside the pages of docs/: pages of the checkout, and pages that are made from the code.

MkDocs calls the functions `on_...` while it builds (`mkdocs.yml`).
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File

ROOT = Path(__file__).parent.parent
# Pages that stand elsewhere in the checkout, by their names on the site.
PAGES = {
    "contributing.md": ROOT / "CONTRIBUTING.md",
    "changelog.md": ROOT / "CHANGELOG.md",
    "results.md": ROOT / "results" / "README.md",
}
_LINKS = {
    "../CONTRIBUTING.md": "contributing.md",
    "../CHANGELOG.md": "changelog.md",
    "../results/README.md": "results.md",
    "../README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "results/README.md": "results.md",
}
_LINK = re.compile(r"\]\(([^)#:\s]+)((?:#[^)]*)?)\)")
# A link whose text is the name of a file, as pages have that are read in an editor: `[study.md](study.md)`.
_FILE_NAME = re.compile(r"\[([\w./]+\.md)\]\(([\w./]+\.md)((?:#[^)]*)?)\)")


def _title(name: str) -> str:
    """The title of a page of docs/."""
    path = PAGES.get(name, ROOT / "docs" / name)
    found = re.search(r"^# (.*)$", path.read_text(encoding="utf-8"), re.MULTILINE) if path.exists() else None
    return found[1] if found else ""


def on_config(config: Any) -> Any:
    """Leave out of the navigation what is not there yet, and put into its last part what stands nowhere in it."""
    docs = Path(config.docs_dir)

    def there(entry: Any) -> Any:
        if isinstance(entry, str):
            return entry if entry in PAGES or (docs / entry).exists() else None
        if isinstance(entry, list):
            return [kept for kept in map(there, entry) if kept]
        return {name: kept for name, value in entry.items() if (kept := there(value))}

    config.nav = there(config.nav)
    text = str(config.nav)
    others = [page.name for page in sorted(docs.glob("*.md")) if f"'{page.name}'" not in text]
    if others:
        config.nav.append({"More": others})
    return config


def on_files(files: Any, config: Any) -> Any:
    """Add the pages that stand elsewhere."""
    for name, path in PAGES.items():
        text = path.read_text(encoding="utf-8")
        files.append(File.generated(config, name, content=_LINK.sub(_from_root(path), text)))
    return files


def _from_root(page: Path) -> Any:
    """Links of a page elsewhere as links of the site; what is no page of the site is named without a link."""

    def replaced(match: re.Match[str]) -> str:
        target, anchor = match[1], match[2]
        file = (page.parent / target).resolve()
        names = {path.resolve(): name for name, path in PAGES.items()}
        if file in names:
            return f"]({names[file]}{anchor})"
        if file.parent == ROOT / "docs":
            return f"]({file.name}{anchor})"
        return "](index.md)" if file == ROOT / "README.md" else match[0]

    return replaced


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:
    """Links to pages that stand elsewhere, and the pages that are made from the code."""
    markdown = _LINK.sub(lambda match: f"]({_LINKS.get(match[1], match[1])}{match[2]})", markdown)
    markdown = _FILE_NAME.sub(lambda match: f"[{_title(match[2]) or match[1]}]({match[2]}{match[3]})", markdown)
    made = {"commands": _commands, "api": _api}
    return re.sub(r"<!-- made: (\w+) -->", lambda match: made[match[1]](), markdown)


def _commands() -> str:
    """The help of every command."""
    from runner.cli.main import COMMANDS

    return "\n\n".join(
        f"## {name}\n\n```text\n{command.parser().format_help()}```" for name, command in COMMANDS.items()
    )


def _api() -> str:
    """All public functions, and then all public classes."""
    import runner

    names = [name for name in runner.__all__ if not name.startswith("_")]
    functions = [name for name in names if name[0].islower()]
    classes = [name for name in names if name[0].isupper()]
    parts = {"Functions": functions, "Classes": classes}
    return "\n\n".join(
        "\n\n".join([f"## {title}", *(f"::: runner.{name}" for name in names)]) for title, names in parts.items()
    )
