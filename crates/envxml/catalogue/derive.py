#!/usr/bin/env python3
"""Derives a component catalogue (7.2.json, 10.json) from the facts about one HPCC version.

    derive.py VERSION schema-attrs.json single.xml cluster.xml > VERSION.json

schema-attrs.json lists the attributes of every component's schema; single.xml and cluster.xml are two
environments that envgen of that version generated: one machine, and one with several machines for each role.
What the two have in common, and where a value comes from, becomes a rule of the catalogue.
"""

import json
import sys
import xml.etree.ElementTree as ET

# Where these values come from was read once from the schemas and from envgen's behaviour.
DERIVED = {
    ("*", "name"): "name",
    ("*", "build"): "build",
    ("*", "buildSet"): "build-set",
    ("*", "daliServers"): "dali",
    ("DaliServerProcess", "environment"): "environment-file",
    ("EspProcess", "componentfilesDir"): "components-folder",
    ("EclAgentProcess", "wuQueueName"): "queue",
    ("RoxieCluster", "directory"): "folder",
    ("RoxieCluster", "channelsPerSlave"): "roxie-channels-per-slave",
    ("ThorCluster", "computer"): "master-computer",
    ("ThorCluster", "localThor"): "local-thor",
    ("ThorCluster", "slavesPerNode"): "slaves-per-node",
    ("ThorCluster", "channelsPerSlave"): "thor-channels-per-slave",
    ("DropZone/ServerList", "server"): "drop-zone-server",
    ("BackupNodeProcess/NodeGroup", "name"): "thor",
    ("Instance", "name"): "instance-name",
    ("Instance", "computer"): "computer",
    ("Instance", "netAddress"): "address",
    ("Instance", "directory"): "run-folder",
}
# Made by code: one for each machine, port or service.
REPEATED = {"Instance", "EspBinding", "RoxieFarmProcess", "RoxieServerProcess", "ThorMasterProcess",
            "ThorSlaveProcess", "Properties"}
# Schemas whose root element is not called as the component.
ROOTS = {"DafilesrvProcess": "DaFileSrvProcess", "EclCCServerProcess": "EclCCserver",
         "SoapPlusProcess": "SoapplusProcess"}


def schema_of(facts, build_set, tag):
    """Path below the component -> attribute -> what the schema says of it."""
    paths = {}
    root = ROOTS.get(tag, tag)
    for row in facts.get(build_set, {}).get("attrs", []):
        head, _, path = row["path"].partition("/")
        if head != root:
            raise SystemExit(f"{build_set}: {row['path']} is not below {root}")
        paths.setdefault(path, {})[row["attr"]] = row
    return paths


def attribute(owner, name, row, one, many):
    """One attribute's entry: type and default of the schema, and the rule that envgen follows."""
    entry = {}
    row = row or {}
    if row.get("type"):
        entry["type"] = row["type"]
    if row.get("enum"):
        entry["values"] = row["enum"]
    if row.get("default") is not None:
        entry["default"] = row["default"]
    if row.get("use") == "required":
        entry["required"] = True
    if one is None and many is None:
        return entry
    rule = DERIVED.get((owner, name)) or DERIVED.get(("*", name) if "/" not in owner else None)
    if rule == "name" and many != "my" + entry.get("_build_set", many[2:]).lower():
        rule = None
    if rule:
        entry["generate"] = rule
    elif one is not None and one != many:
        entry["generate"] = f"nodes:{one}|{many}"
    elif many == (row.get("default") or ""):
        entry["generate"] = "default"
    else:
        entry["generate"] = f"value:{many}"
    return entry


def attributes(owner, rows, one, many):
    names = list(many.attrib) if many is not None else []
    names += [name for name in rows if name not in names]
    return {
        name: attribute(owner, name, rows.get(name),
                        one.attrib.get(name) if one is not None else None,
                        many.attrib.get(name) if many is not None else None)
        for name in sorted(names, key=str.lower)
    }


def children(tag, schema, one, many):
    """The fixed children: those that envgen writes, and those that a schema only allows."""
    seen, entries = set(), []
    for child in many if many is not None else []:
        if child.tag in REPEATED:
            continue
        seen.add(child.tag)
        twin = one.find(child.tag) if one is not None else None
        entries.append({
            "tag": child.tag,
            "generate": True,
            "attributes": attributes(f"{tag}/{child.tag}", schema.get(child.tag, {}), twin, child),
        })
    for path in schema:
        if path and path not in seen and "/" not in path and path not in ("Instance", "Notes"):
            entries.append({"tag": path, "attributes": attributes(f"{tag}/{path}", schema[path], None, None)})
    return entries


def plain(element):
    """An element as [tag, attributes, children]."""
    return [element.tag, dict(element.attrib), [plain(child) for child in element]]


def main():
    version, facts_path, single_path, cluster_path = sys.argv[1:]
    facts = json.load(open(facts_path))
    single, cluster = ET.parse(single_path).getroot(), ET.parse(cluster_path).getroot()
    build = cluster.find("Programs/Build")
    directories = cluster.find("Software/Directories")
    sets = []
    for build_set in build:
        name = build_set.get("name")
        entry = {"attributes": dict(build_set.attrib)}
        properties = build_set.find("Properties")
        if properties is not None:
            entry["properties"] = plain(properties)
        tag = build_set.get("processName")
        if tag:
            path = f"Software/{tag}[@buildSet='{name}']"
            one, many = single.find(path), cluster.find(path)
            schema = schema_of(facts, name, tag)
            component = {"tag": tag}
            if many is not None:
                component["generate"] = True
            component["attributes"] = attributes(tag, schema.get("", {}), one, many)
            if many is not None and many.get("name") not in (f"my{name.lower()}", name):
                component["attributes"]["name"]["generate"] = f"value:{many.get('name')}"
            elif name == "topology":
                component["attributes"]["name"]["generate"] = "value:topology"
            instance = many.find("Instance") if many is not None else None
            if "Instance" in schema or instance is not None:
                twin = one.find("Instance") if one is not None else None
                if instance is None:
                    # No example: envgen writes all that the schema has, and a name.
                    instance = twin = ET.Element("Instance", dict.fromkeys(["name", *schema["Instance"]], ""))
                    for attr, row in schema["Instance"].items():
                        instance.set(attr, row.get("default") or "")
                component["instance"] = attributes("Instance", schema.get("Instance", {}), twin, instance)
            fixed = children(tag, schema, one, many) if tag != "Topology" else []
            if fixed:
                component["children"] = fixed
            if tag == "EspProcess":
                rows = schema.get("EspBinding", {})
                binding = many.find("EspBinding[@name='myws_ecl']")
                component["binding"] = attributes("EspBinding", rows, None, binding)
                for derived in ("name", "service", "port", "resourcesBasedn"):
                    component["binding"][derived]["generate"] = f"binding-{derived}".lower()
            entry["component"] = component
        sets.append(entry)
    stray = "".join([build.text or ""] + [child.tail or "" for child in build]).strip()
    catalogue = {
        "version": version,
        "build": dict(build.attrib),
        "stray_text": stray,
        "settings": [[child.tag, child.text or ""] for child in cluster.find("EnvSettings")],
        "directories": {
            "name": directories.get("name"),
            "categories": [[c.get("name"), c.get("dir")] for c in directories],
        },
        "build_sets": sets,
    }
    print(layout(catalogue))


def layout(value, indent=0, width=110):
    """JSON with short values on one line."""
    flat = json.dumps(value, ensure_ascii=False)
    if len(flat) + indent <= width or not isinstance(value, (dict, list)) or not value:
        return flat
    pad = " " * (indent + 1)
    if isinstance(value, dict):
        parts = [f"{pad}{json.dumps(k)}: {layout(v, indent + 1)}" for k, v in value.items()]
        return "{\n" + ",\n".join(parts) + "\n" + " " * indent + "}"
    parts = [pad + layout(v, indent + 1) for v in value]
    return "[\n" + ",\n".join(parts) + "\n" + " " * indent + "]"


main()
