#!/usr/bin/env python3
"""The JSON schema, judged by a validator that is not ours: it is a schema, accepts the stack files of
the tests and the examples, and rejects what is wrong by itself. Reports as tests/run wants it."""
import json
import os
import re
import sys

try:
    import jsonschema
    import yaml
except ImportError as missing:
    print(f"ok 1 - schema # SKIP {missing}")
    sys.exit(0)

os.chdir(os.path.join(os.path.dirname(__file__), ".."))


class Reader(yaml.SafeLoader):
    """Scalars as YAML 1.2 has them: "yes" and dates are strings."""


YAML_1_1 = ("tag:yaml.org,2002:timestamp", "tag:yaml.org,2002:bool")
Reader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag not in YAML_1_1]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
Reader.add_implicit_resolver(
    "tag:yaml.org,2002:bool", re.compile("^(true|false|True|False|TRUE|FALSE)$"), list("tTfF")
)


def plain(reader, node):
    if isinstance(node, yaml.MappingNode):
        return reader.construct_mapping(node, deep=True)
    if isinstance(node, yaml.SequenceNode):
        return reader.construct_sequence(node, deep=True)
    return reader.construct_scalar(node)


Reader.add_constructor("!reset", plain)
Reader.add_constructor("!override", plain)

count = failed = 0


def report(name, complaint):
    global count, failed
    count += 1
    if complaint:
        failed += 1
        print(f"# {complaint}")
    print(f"{'not ok' if complaint else 'ok'} {count} - {name}", flush=True)


def mistakes(text):
    return [
        f"{'.'.join(map(str, e.absolute_path))}: {e.message}"
        for document in yaml.load_all(text, Reader)
        if document is not None
        for e in validator.iter_errors(document)
    ]


def good_files():
    golden = "tests/golden/compose"
    for case in sorted(os.listdir(golden)):
        if not os.path.exists(f"{golden}/{case}/config.yaml"):
            continue
        for name in ("compose.yaml", "config.yaml"):
            if os.path.exists(f"{golden}/{case}/{name}"):
                yield f"{golden}/{case}/{name}"
    for folder, _, names in sorted(os.walk("examples")):
        for name in sorted(names):
            if name in ("compose.yaml", "cunik-compose.yaml"):
                yield os.path.join(folder, name)


WRONG = [
    "servces: {}",
    "services: []",
    "services: {'a b': {image: x}}",
    "services: {a: {imgae: x}}",
    "services: {a: {image: 5}}",
    "services: {a: {unikernel: {kernal: k}}}",
    "services: {a: {x-unikernel: {kernal: k}}}",
    "services: {a: {unikernel: {accel: xen}}}",
    "services: {a: {ports: [{traget: 80}]}}",
    "services: {a: {depends_on: {b: {condition: soon}}}}",
    "services: {a: {deploy: {replicas: -1}}}",
    "services: {a: {environment: [[x]]}}",
    "networks: {n: {ipam: {config: [{subnett: x}]}}}",
    "include: [{paths: x}]",
]

with open("build/cunik-stack.schema.json", encoding="utf-8") as file:
    schema = json.load(file)
validator = jsonschema.Draft7Validator(schema)
try:
    jsonschema.Draft7Validator.check_schema(schema)
    report("it is a schema", "")
except jsonschema.SchemaError as error:
    report("it is a schema", error.message)
for path in good_files():
    with open(path, encoding="utf-8") as file:
        # "@" is the folder in configurations, and no YAML.
        report(path, "; ".join(mistakes(file.read().replace("@", "/"))))
for wrong in WRONG:
    report(f"wrong: {wrong}", "" if mistakes(wrong) else "is accepted")
print(f"1..{count}")
sys.exit(1 if failed else 0)
