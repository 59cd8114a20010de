"""Prints what a software bill of materials says about the connector itself, as pyproject.toml. `make sbom` calls it.

cyclonedx-py reads the root component from pyproject.toml, and this project keeps its metadata in setup.cfg.
"""

import json
import sys
from importlib.metadata import metadata

if __name__ == "__main__":
    found = metadata("twitter-connector")
    values = {key: found[name] for key, name in (("name", "Name"), ("version", "Version"), ("license", "License"))}
    values["description"] = found["Summary"]
    values["dependencies"] = [name for name in found.get_all("Requires-Dist") or [] if "extra ==" not in name]
    sys.stdout.write("[project]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in values.items()))
