"""What every page of the report shares: the templates with their filters."""

import base64

from jinja2 import Environment, PackageLoader, StrictUndefined

from bench.report.html_cells import cell, cells
from bench.report.inert import slug
from bench.report.strips import Strip
from bench.report.terms import meanings


def environment() -> Environment:
    """The templates of pages; names and messages are escaped where they are shown."""
    made = Environment(
        loader=PackageLoader("bench.report"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    known = meanings()
    made.filters |= {"slug": slug, "png": data_uri, "meaning": known.__getitem__, "meaning_of": known.get}
    made.filters |= {"cell": cell, "cells": cells}
    return made


def data_uri(picture: Strip) -> str:
    """A picture as the address of an image that is within the page."""
    return f"data:image/png;base64,{base64.b64encode(picture.png).decode('ascii')}"
