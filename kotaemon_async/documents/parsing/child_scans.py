"""Pages as gray pictures, for what reads their text from them; runs inside a parser child."""

import zlib
from typing import Any

#: What letters of usual size need to be read, in points of a picture for each inch.
SCAN_DPI = 200
#: No picture is longer or has more points, whatever its page claims to measure.
_LONGEST_PX, _MOST_PIXELS = 3600, 9_000_000
#: A smaller page is drawn larger, since it may have been scanned at another scale.
_SHORTEST_PX = 1200


def of_page(page: Any, dpi: float) -> dict[str, Any]:
    """Draw a page of PyMuPDF's: `gray`, one byte a point and compressed, with its `width` and `height`."""
    longest, area = max(page.rect.width, page.rect.height), page.rect.width * page.rect.height
    if area <= 0:
        raise ValueError("the page has no size")
    most = min(_LONGEST_PX / longest, (_MOST_PIXELS / area) ** 0.5)
    scale = min(max(dpi / 72, _SHORTEST_PX / longest), most)
    pixels = page.get_pixmap(dpi=max(1, int(72 * scale)), colorspace="GRAY", alpha=False)
    return {"gray": zlib.compress(pixels.samples, 1), "width": pixels.width, "height": pixels.height}
