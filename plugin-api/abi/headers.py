#!/usr/bin/env python3
"""Every public header compiles alone: the C ones as C11, C17 and C++20 with gcc and clang, the C++ ones as C++20; no warnings.

The layout of 1.0 holds for the header of today: layout.c, and the copy of it that was frozen with 1.0.
"""
import os
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

HERE = os.path.dirname(os.path.abspath(__file__))
INCLUDE = os.path.normpath(f"{HERE}/../include")
STRICT = ["-fsyntax-only", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wshadow", "-Werror", f"-I{INCLUDE}"]


def compilations(work):
    public = sorted(os.listdir(f"{INCLUDE}/seed"))
    c_headers = [name for name in public if name.endswith(".h")]
    assert "abi.h" in c_headers and "dns.h" in c_headers, c_headers
    have = [c for c in (("gcc", "g++"), ("clang", "clang++")) if shutil.which(c[0]) and shutil.which(c[1])]
    assert have, "no compiler"
    if len(have) < 2:
        print("clang is missing: gcc only")
    for cc, cxx in have:
        include_all = "".join(f"#include <seed/{name}>\n" for name in c_headers)
        for name in c_headers:
            for language, compiler in (("c", cc), ("c++", cxx)):
                for standard in {"c": ["c11", "c17"], "c++": ["c++20"]}[language]:
                    yield [compiler, "-x", language, f"-std={standard}", *STRICT, "-"], f"#include <seed/{name}>\n" * 2
        for path in (f"{HERE}/layout.c", f"{HERE}/released/1.0/layout.c"):
            source = open(path).read()
            yield [cc, "-x", "c", "-std=c11", *STRICT, "-"], source
            # Null pointer arithmetic in sizeof is fine in both languages; C++ has no _Static_assert.
            yield [cxx, "-x", "c++", "-std=c++20", *STRICT, "-Wno-zero-as-null-pointer-constant", "-"], source
        yield [cc, "-x", "c", "-std=c11", *STRICT, "-"], include_all
    # All of them include nlohmann/json.hpp; parsing it once instead of each time is most of the time.
    json = f"{work}/json.hpp"
    open(json, "w").write("#include <nlohmann/json.hpp>\n")
    subprocess.run(["g++", "-x", "c++-header", "-std=c++20", *STRICT[1:], json, "-o", f"{json}.gch"], check=True)
    for name in public:
        if name.endswith(".hpp"):
            yield ["g++", "-x", "c++", "-std=c++20", *STRICT, "-include", json, "-"], f"#include <seed/{name}>\n"


def compile_one(task):
    command, source = task
    result = subprocess.run(command, input=source, capture_output=True, text=True)
    return result.returncode == 0, f"{' '.join(command)} <<< {source.strip().splitlines()[0]}\n{result.stderr}"


def main():
    with tempfile.TemporaryDirectory() as work:
        tasks = list(compilations(work))
        with ThreadPoolExecutor(2) as pool:
            results = list(pool.map(compile_one, tasks))
    for good, text in results:
        if not good:
            print(text, file=sys.stderr)
    print(f"{sum(good for good, _ in results)} of {len(tasks)} compilations without a warning")
    sys.exit(0 if all(good for good, _ in results) else 1)


main()
