"""`python -m ingest.adapters.video_child FILE`: a video's frames as JPEG to standard output.

JPEGs of a Motion JPEG video pass as they are. The form is that of `winnow_scenes.records`. A process of its own:
what a broken video does to the decoder, it does to this process alone.
"""

from __future__ import annotations

import os
import sys
from itertools import chain
from typing import BinaryIO

import av

from ingest.adapters.memory import limit_memory
from ingest.adapters.pictures import Pictures
from ingest.domain.picture import LARGEST_PIXELS
from winnow_scenes.lifetime import end_with_parent
from winnow_scenes.records import write_begin, write_end, write_frame

MISSING_SHARE = 0.02
"""A file that holds this much less than its header says was cut off."""


LIMITS = {"max_pixels": str(LARGEST_PIXELS)}
"""For FFmpeg's decoders, which else allocate whatever a frame declares, while a file is opened, too."""


class NotWhole(Exception):
    """The video cannot be read, or not to its end; the message is for a person."""


def stream_video(path: str, out: BinaryIO) -> int:
    """Writes all frames; gives their number. Raises `NotWhole`."""
    try:
        container = av.open(path, options=LIMITS)
    except (OSError, av.FFmpegError) as error:
        raise NotWhole(f"not a video that can be read: {getattr(error, 'strerror', None) or error}") from error
    with container:
        if not container.streams.video:
            raise NotWhole("the file has no video stream")
        stream = container.streams.video[0]
        stream.codec_context.options = LIMITS
        stream.thread_type = "AUTO"
        length_s = None if container.duration is None else container.duration / av.time_base
        write_begin(out, length_s)
        rate = float(stream.average_rate or 25)
        count, first_s, last_s = 0, None, 0.0
        pictures = Pictures(stream)
        try:
            for picture in chain.from_iterable(map(pictures.of, container.demux(stream))):
                time_s = picture.time_s if picture.time_s is not None else count / rate
                first_s = time_s if first_s is None else first_s
                # A camera's time never goes back, whatever the container says.
                last_s = max(last_s, time_s - first_s)
                image = picture.jpeg()
                if image is None:
                    raise NotWhole(f"frame {count} could not be encoded")
                write_frame(out, count, round(last_s, 6), image)
                count += 1
        except MemoryError:
            raise NotWhole(f"the video breaks off after {count} frames: the next takes too much memory") from None
        except av.FFmpegError as error:
            # What is beyond its limits, FFmpeg leaves without a size.
            known = stream.codec_context.width * stream.codec_context.height
            why = error.strerror if known else f"the next declares no size, or more than {LARGEST_PIXELS:,} pixels"
            raise NotWhole(f"the video breaks off after {count} frames: {why}") from error
        if count == 0:
            raise NotWhole("the video has no frames")
        if stream.frames and count < stream.frames * (1 - MISSING_SHARE) - 1:
            raise NotWhole(f"the video breaks off after {count} of {stream.frames} frames")
    write_end(out, count)
    return count


def main() -> int:
    """Exit status 0, or 1 with one line on standard error."""
    end_with_parent()
    limit_memory()
    av.logging.set_level(None)
    out = os.fdopen(sys.stdout.fileno(), "wb", closefd=False)
    try:
        stream_video(sys.argv[1], out)
    except NotWhole as error:
        print(error, file=sys.stderr)
        return 1
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


if __name__ == "__main__":
    sys.exit(main())
