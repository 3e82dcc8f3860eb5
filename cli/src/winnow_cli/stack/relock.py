"""Write `stack.lock` anew: `python -m winnow_cli.stack.relock`, for maintainers who change a server's version.

Kafka's jars are resolved from its POM. The other two are single files: jgo's resolver fails on S3Proxy's
POM, and Apicurio comes as an archive with everything in it.
"""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path

from jgo.maven import MavenContext

# "!": the version is taken as it is. Without it jgo lets log4j's dependency management choose for Kafka as
# well, and a 4.3.1 broker gets kafka-clients 3.9.1.
KAFKA = (
    "org.apache.kafka:kafka_2.13:4.3.1!",
    "org.apache.logging.log4j:log4j-slf4j-impl:2.25.3!",
    "org.apache.logging.log4j:log4j-core:2.25.3!",
)
REGISTRY = "io.apicurio:apicurio-registry-app:3.3.3:all:tar.gz"
OBJECTS = "org.gaul:s3proxy:4.1.0:jar-with-dependencies:jar"

HEADER = """\
# The local servers' files: server, group:name:version:classifier:packaging, bytes, SHA-256.
# Made by `python -m winnow_cli.stack.relock`; a file with another hash is refused.
"""


def lock_text() -> str:
    """The lock for the versions above, from what the Maven repository serves now."""
    with tempfile.TemporaryDirectory() as folder:
        context = MavenContext(repo_cache=Path(folder), timeout=60)
        roots, transitive = context.resolver.resolve([context.create_dependency(one) for one in KAFKA])
        wanted = [
            ("kafka", f"{one.groupId}:{one.artifactId}:{one.version}:{one.classifier}:jar")
            for one in sorted([*roots, *transitive], key=lambda one: (one.groupId, one.artifactId))
        ]
        wanted += [("registry", REGISTRY), ("objects", OBJECTS)]
        lines = []
        for server, coordinate in wanted:
            group, name, version, classifier, packaging = coordinate.split(":")
            component = context.project(group, name).at_version(version)
            path = Path(component.artifact(classifier, packaging).resolve())
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            lines.append(f"{server} {coordinate} {path.stat().st_size} {digest}\n")
        return HEADER + "".join(lines)


if __name__ == "__main__":
    Path(__file__).with_name("stack.lock").write_text(lock_text())
