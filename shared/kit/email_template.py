"""The template of every mail: heading, sentences and a table of facts, rendered as text and as HTML."""

from dataclasses import dataclass, field
from html import escape

from shared.kit.brand import Brand

INK, SOFT, ACCENT, PAPER = "#1c1917", "#6b645f", "#c2410c", "#fff7ed"


@dataclass(frozen=True)
class EmailTemplate:
    """The contents of a mail, without its brand; `code` is shown large, `rows` are label and value."""

    subject: str
    heading: str
    sentences: list[str]
    rows: list[tuple[str, str]] = field(default_factory=list)
    code: str | None = None

    def text(self, brand: Brand) -> str:
        facts = [f"{label}: {value}" for label, value in self.rows]
        code = [self.code] if self.code else []
        parts = [self.heading, *code, *self.sentences, "\n".join(facts), _closing(brand)]
        return "\n\n".join(part for part in parts if part) + "\n"

    def summary(self) -> str:
        """Return the sentences after the greeting as one paragraph, for display in an app."""
        return " ".join(self.sentences[1:])

    def html(self, brand: Brand) -> str:
        """Return the mail as HTML that mail clients render: inline styles, one column, no images."""
        sentences = "".join(f'<p style="margin:0 0 16px">{escape(line)}</p>' for line in self.sentences)
        return (
            '<!doctype html><html lang="en"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            f"<title>{escape(self.subject)}</title></head>"
            f'<body style="margin:0;background:{PAPER};color:{INK};font:16px/1.5 system-ui,sans-serif;overflow-wrap:anywhere">'
            '<div style="max-width:560px;margin:0 auto;padding:24px 12px">'
            f'<p style="margin:0 0 24px;font-weight:700;color:{ACCENT};font-size:20px">{escape(brand.name)}</p>'
            '<div style="background:#fff;border-radius:12px;padding:28px 20px">'
            f'<h1 style="margin:0 0 16px;font-size:22px;line-height:1.3">{escape(self.heading)}</h1>'
            f"{self._code()}{sentences}{self._table()}</div>"
            f'<p style="margin:24px 0 0;font-size:13px;color:{SOFT}">{escape(_closing(brand))}</p></div></body></html>'
        )

    def _code(self) -> str:
        style = f"margin:0 0 24px;font-size:36px;letter-spacing:8px;font-weight:700;color:{ACCENT}"
        return f'<p style="{style}">{escape(self.code)}</p>' if self.code else ""

    def _table(self) -> str:
        cell = "padding:8px 0;border-top:1px solid #e7e5e4;vertical-align:top"
        rows = "".join(
            f'<tr><td style="{cell};padding-right:16px;color:{SOFT};white-space:nowrap">{escape(label)}</td>'
            f'<td style="{cell};text-align:right">{escape(value)}</td></tr>'
            for label, value in self.rows
        )
        return f'<table style="width:100%;border-collapse:collapse">{rows}</table>' if rows else ""


def _closing(brand: Brand) -> str:
    return " · ".join(filter(None, (brand.name, brand.tagline)))
