"""Every metric of Winnow, defined in this one file. Names follow Prometheus' conventions: base units, `_total`."""

from prometheus_client import Counter, Gauge, Histogram

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)

records = Counter("winnow_records", "Records read and handled to the end.", ["topic"])
time_lag = Gauge(
    "winnow_time_lag_seconds",
    "Now minus the broker's time of the oldest record at hand; 0 when all is handled. Grows while it is not.",
    ["topic"],
)
dead_letters = Counter("winnow_dead_letters", "Records sent to the dead letters.", ["topic", "service"])
expired_records = Counter("winnow_expired_records", "Offsets that retention took before they were read.", ["topic"])
dependency_down = Counter("winnow_dependency_down", "Waits because a server did not answer.", ["dependency"])
loop_phase = Counter("winnow_loop_phase_seconds", "Wall time of the loop by phase.", ["phase"])

verdicts = Counter("winnow_verdicts", "Verdicts committed.", ["outcome", "reason"])
verdict_latency = Histogram(
    "winnow_verdict_latency_seconds", "Broker's time of the frame to the verdict's commit.", buckets=SECONDS
)
reduced_effort_cameras = Gauge(
    "winnow_reduced_effort_cameras", "Cameras of which a frame was judged with reduced effort in the last minute."
)
transaction_time = Histogram("winnow_transaction_seconds", "Begin to committed.", buckets=SECONDS)
transactions_aborted = Counter("winnow_transactions_aborted", "Transactions aborted and repeated.")
restore_time = Histogram("winnow_restore_seconds", "Restoring one partition's state.", buckets=SECONDS)
state_bytes = Counter("winnow_state_bytes", "Bytes of state written, before compression.")
policy_errors = Counter("winnow_policy_errors", "Policy or camera records that were ignored as invalid.")

frames_published = Counter("winnow_frames_published", "Frames acknowledged by the broker.", ["camera"])
frames_refused = Counter("winnow_frames_refused", "Files and frames that ingest did not take.", ["camera", "reason"])
frames_failed = Counter("winnow_frames_failed", "Frames that the broker did not take.", ["camera"])
frames_dropped = Counter(
    "winnow_frames_dropped", "Oldest frames of a live camera, dropped while they could not be sent.", ["camera"]
)
camera_connected = Gauge("winnow_camera_connected", "Whether a live camera gives frames: 1 or 0.", ["camera"])
camera_silence = Gauge(
    "winnow_camera_silence_seconds", "Since a live camera's last frame, or since ingest began.", ["camera"]
)
uploads = Counter("winnow_uploads", "Upload requests answered, by HTTP status.", ["status"])
spool_bytes = Gauge("winnow_spool_bytes", "Bytes of frames on disk that wait for the broker.")
spool_frames = Gauge("winnow_spool_frames", "Frames on disk that wait for the broker.")
spool_oldest = Gauge("winnow_spool_oldest_seconds", "How long the oldest frame on disk has waited; 0 when none does.")
frames_aside = Counter(
    "winnow_frames_aside", "Spooled frames that the broker will never take, kept on disk.", ["camera"]
)

staged_objects_swept = Counter("winnow_staged_objects_swept", "Objects deleted from the staging area by age.")

images_stored = Counter("winnow_images_stored", "Images put into object storage for the first time.")
kept_frames_stored = Counter("winnow_kept_frames_stored", "Kept frames recorded for the first time.")
store_time = Histogram("winnow_store_batch_seconds", "One batch: objects, rows and events.", buckets=SECONDS)

ledger_rows = Counter("winnow_ledger_rows", "Verdicts written to Parquet.")
ledger_files = Counter("winnow_ledger_files", "Parquet files written.")
ledger_gap_offsets = Counter(
    "winnow_ledger_gap_offsets", "Input offsets without a verdict, by what they are.", ["kind"]
)
balance_difference = Gauge("winnow_balance_difference", "Frames that the balance cannot account for.")
