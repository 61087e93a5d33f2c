"""A strict reader of Prometheus' text format 0.0.4: what `promtool check metrics` refuses is refused here."""
import math
import re

NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*\Z")
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\\\|\\"|\\n)*)"')
SAMPLE = re.compile(r"([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)\Z")


def labels_of(text):
    labels, at = {}, 0
    while at < len(text):
        match = LABEL.match(text, at)
        assert match, f"bad labels: {text}"
        assert match[1] not in labels, f"label {match[1]} twice: {text}"
        labels[match[1]] = match[2]
        at = match.end()
        if at < len(text):
            assert text[at] == ",", f"bad labels: {text}"
            at += 1
    return labels


def parse(text):
    """{family: (type, {(sample name, frozenset of labels): value})}; fails on anything that the format does not allow."""
    assert text.endswith("\n"), "the last line has no end"
    families, family, helped = {}, None, set()
    for line in text.split("\n")[:-1]:
        if line.startswith("# HELP "):
            name, words = line[7:].split(" ", 1)
            assert NAME.match(name) and words and name not in helped, line
            helped.add(name)
            family = name
        elif line.startswith("# TYPE "):
            name, kind = line[7:].split(" ")
            assert name == family and name not in families and kind in ("counter", "gauge", "histogram"), line
            families[name] = (kind, {})
        else:
            match = SAMPLE.match(line)
            assert match, f"not a sample: {line!r}"
            kind, samples = families[family]
            suffixes = ("_bucket", "_sum", "_count") if kind == "histogram" else ("",)
            assert match[1] in [family + suffix for suffix in suffixes], f"{line} stands in the family {family}"
            key = (match[1], frozenset(labels_of(match[2] or "").items()))
            assert key not in samples, f"twice: {line}"
            samples[key] = float(match[3])
            assert not math.isnan(samples[key]), line
    for name, (kind, samples) in families.items():
        assert name in helped and samples, f"{name} has no help or no samples"
        assert (kind == "counter") == name.endswith("_total"), f"{name} is a {kind}"
        assert kind != "counter" or all(value >= 0 for value in samples.values()), name
        if kind == "histogram":
            check_histogram(name, samples)
    return families


def check_histogram(name, samples):
    series = {}
    for (sample, labels), value in samples.items():
        plain = frozenset((key, text) for key, text in labels if key != "le")
        series.setdefault(plain, {})[(sample, dict(labels).get("le"))] = value
    for labels, values in series.items():
        buckets = sorted((float(le), value) for (sample, le), value in values.items() if sample == name + "_bucket")
        assert buckets and buckets[-1][0] == math.inf, f"{name}{set(labels)} has no +Inf bucket"
        assert all(a[1] <= b[1] for a, b in zip(buckets, buckets[1:])), f"{name}{set(labels)}: buckets do not grow"
        assert values[(name + "_count", None)] == buckets[-1][1], f"{name}{set(labels)}: count is not the last bucket"
        assert (name + "_sum", None) in values, name


def value(families, name, **labels):
    kind, samples = families[name]
    return samples.get((name, frozenset(labels.items())))
