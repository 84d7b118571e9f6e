"""How the modules of the page are joined, and what they may not say."""

import pytest

from kotaemon_async.http.bundle import NotAModule, bundles, defined, defined_packed

PAGE = {
    "frame/app.js": 'import { a } from "./a.js";\nconst later = () => import("../system/view.js");\n',
    "frame/a.js": "export const a = 1;\n",
    "system/view.js": 'import { a } from "../frame/a.js";\nimport { b } from "./b.js";\nconst c = 1;\n',
    "system/b.js": "export const b = 2;\n",
    "system/unused.js": "",
}


def test_what_is_loaded_lazily_comes_without_what_is_there_already() -> None:
    found = bundles(PAGE, "frame/app.js")
    assert found.first == ("frame/a.js", "frame/app.js")
    assert found.later == {"system/view.js": ("system/b.js", "system/view.js")}


def test_a_module_becomes_a_function_that_gives_what_it_exports() -> None:
    source = 'import { a, b as c } from "../x.js";\n\n// Why.\nexport const d = a;\nexport class E {}\n'
    joined = 'const { a, b: c } = from("x.js");\n\nconst d = a;\nclass E {}\nreturn { d, E };\n'
    assert defined("y/z.js", source) == f'define("y/z.js", () => {{\n{joined}}});\n'


def test_a_lazy_import_goes_through_the_loader() -> None:
    assert 'load("system/view.js")' in defined("frame/app.js", PAGE["frame/app.js"])


def test_a_packed_module_gives_what_its_last_list_names() -> None:
    joined = 'define("v.js", () => {\nvar a=1,b=2;\nreturn { h: a,html: b };\n});\n'
    assert defined_packed("v.js", "var a=1,b=2;export{a as h,b as html};\n") == joined
    with pytest.raises(NotAModule, match=r"v\.js"):
        defined_packed("v.js", "export const a = 1;")


@pytest.mark.parametrize(
    "odd",
    [
        "export default 1;",
        "export let a = 1;",
        'export * from "./a.js";',
        'import "./a.js";',
        "export { a };",
    ],
)
def test_what_cannot_be_joined_is_refused(odd: str) -> None:
    with pytest.raises(NotAModule, match=r"x\.js"):
        defined("x.js", f"{odd}\n")


@pytest.mark.parametrize("needed", ["./a.js", "./nowhere.js"])
def test_circles_and_missing_modules_are_refused(needed: str) -> None:
    with pytest.raises(NotAModule):
        bundles({"a.js": f'import {{ b }} from "{needed}";\n'}, "a.js")
