"""PyMuPDF without the libraries that its tables and layout models want; runs inside a parser child."""

import importlib
import sys
from types import SimpleNamespace
from typing import Any

# PyMuPDF's first import pulls these in for table and layout features that are not used here:
# without them 0.1 s and 47 MB instead of 0.6 to 1.0 s and 138 MB.
for _unused in (
    "onnxruntime", "networkx", "numpy", "yaml", "tabulate", "pandas", "PIL", "fontTools", "pymupdf4llm",
    "pymupdf.layout", "pymupdf_fonts",
):  # fmt: skip
    sys.modules.setdefault(_unused, None)  # type: ignore[arg-type]

pymupdf: Any = importlib.import_module("pymupdf")  # without types, so its calls need none
pymupdf.TOOLS.mupdf_display_errors(False)
pymupdf.TOOLS.mupdf_display_warnings(False)
#: Parts of a font with maps of their own are told apart.
pymupdf.TOOLS.set_subset_fontnames(True)


def text_page(page: Any, flags: int) -> Any:
    """Return the text of a page whose places are those of the page as it is shown: turned and cropped.

    Forms and notes that are shown are part of it. PyMuPDF's own call turns the page back first, and forgets
    the unit of its sides.
    """
    mupdf = pymupdf.mupdf
    found = mupdf.FzStextPage(mupdf.fz_bound_page(page.this))
    device = mupdf.fz_new_stext_device(found, mupdf.FzStextOptions(flags))
    mupdf.fz_run_page(page.this, device, mupdf.FzMatrix(), mupdf.FzCookie())
    mupdf.fz_close_device(device)
    return pymupdf.TextPage(found)


def laid_text(story: Any, whole: Any) -> Any:
    """Return the text of a story where it was placed on a page of that size, before it is drawn as signs."""
    mupdf = pymupdf.mupdf
    found = mupdf.FzStextPage(mupdf.FzRect(*whole))
    device = mupdf.fz_new_stext_device(found, mupdf.FzStextOptions(pymupdf.TEXTFLAGS_TEXT))
    story.draw(SimpleNamespace(this=device))
    mupdf.fz_close_device(device)
    return pymupdf.TextPage(found)
