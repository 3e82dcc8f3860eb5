"""Schema, key and ids as the contract has them: what breaks it is `unreadable`."""

from __future__ import annotations

from winnow.errors import PoisonRecord
from winnow.identity import check_camera_id, check_frame_id
from winnow_cli.producers.domain.finding import Finding, Flow, Level, Tally
from winnow_cli.producers.domain.record import SentRecord

LATEST = "look the schema's id up: the latest of the topic's subject (TOPIC-value)"
LOST = "no picture of it is ever seen: verdict unreadable, bytes in the dead letters"


class ContractCheck:
    """Whether records are frames at all, and whose."""

    def __init__(self) -> None:
        self._not_avro, self._unknown, self._undecodable, self._other_schema = Tally(), Tally(), Tally(), Tally()
        self._no_key, self._wrong_key, self._invalid_id = Tally(), Tally(), Tally()
        self._details: dict[int, str] = {}

    def see(self, record: SentRecord) -> None:
        if record.frame is None:
            tally = (
                self._not_avro
                if record.schema_id is None
                else self._undecodable
                if record.of_subject
                else self._unknown
            )
            self._hit(tally, record, record.refused)
            return
        if not record.of_subject:
            self._hit(self._other_schema, record, f"schema {record.schema_id} is not of the topic's subject")
        try:
            check_camera_id(record.frame.camera_id)
            check_frame_id(record.frame.frame_id or "")
        except PoisonRecord as error:
            self._hit(self._invalid_id, record, str(error))
            return
        if not record.key:
            self._no_key.hit(record)
        elif record.key != record.frame.camera_id.encode():
            self._hit(self._wrong_key, record, f"the key is not the camera id {record.frame.camera_id!r}")

    def _hit(self, tally: Tally, record: SentRecord, detail: str) -> None:
        tally.hit(record)
        self._details.setdefault(id(tally), detail)

    def findings(self, flow: Flow) -> list[Finding]:
        found = []
        for tally, code, level, what, cost, mend in (
            (self._not_avro, "not_avro", Level.ERROR, "", LOST, f"write Avro in the Confluent wire format; {LATEST}"),
            (self._unknown, "unknown_schema", Level.ERROR, "", LOST, LATEST),
            (self._undecodable, "undecodable", Level.ERROR, "", LOST, "encode with the very schema whose id is sent"),
            (
                self._other_schema, "other_schema", Level.WARNING, "",
                "it reads today; nothing holds it compatible tomorrow", LATEST,
            ),
            (
                self._no_key, "no_key", Level.ERROR, "no key",
                LOST + "; its records scatter over the partitions", "set the key: the camera id, plain UTF-8",
            ),
            (self._wrong_key, "wrong_key", Level.ERROR, "", LOST, "set the key: the camera id, plain UTF-8, unquoted"),
            (
                self._invalid_id, "invalid_id", Level.ERROR, "", LOST,
                "camera ids: 1 to 200 bytes, no control characters; frame ids: at most 200 bytes, no NUL",
            ),
        ):  # fmt: skip
            if tally.count:
                said = what or self._details[id(tally)]
                found.append(tally.found(flow, code, level, what=said, cost=cost, mend=mend))
        return found
