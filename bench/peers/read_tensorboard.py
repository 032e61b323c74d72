"""Prints what TensorBoard's own reader finds in a folder of event files, as JSON.

A test oracle: test/report/tensorboard.test.ts compares its output with what was written.
Needs `pip install tensorboard`; tried with the version that is printed.

    python bench/peers/read_tensorboard.py LOGDIR/RUN
"""

import base64
import json
import sys

from tensorboard import version
from tensorboard.backend.event_processing import event_accumulator as ea
from tensorboard.plugins.hparams import metadata

EVERYTHING = {ea.SCALARS: 0, ea.IMAGES: 0, ea.HISTOGRAMS: 0, ea.TENSORS: 0}

reader = ea.EventAccumulator(sys.argv[1], size_guidance=EVERYTHING)
reader.Reload()
tags = reader.Tags()


def histogram(value):
    names = ("min", "max", "num", "sum", "sum_squares")
    numbers = {name: getattr(value, name) for name in names}
    return {**numbers, "limits": list(value.bucket_limit), "counts": list(value.bucket)}


def settings():
    tag = metadata.SESSION_START_INFO_TAG
    if tag not in tags[ea.TENSORS]:
        return None
    content = reader.SummaryMetadata(tag).plugin_data.content
    found = metadata.parse_session_start_info_plugin_data(content).hparams
    return {name: getattr(value, value.WhichOneof("kind")) for name, value in found.items()}


print(
    json.dumps(
        {
            "version": version.VERSION,
            "settings": settings(),
            "scalars": {
                tag: [[e.step, e.wall_time, e.value] for e in reader.Scalars(tag)] for tag in tags[ea.SCALARS]
            },
            "images": {
                tag: [
                    [e.step, e.wall_time, e.width, e.height, base64.b64encode(e.encoded_image_string).decode()]
                    for e in reader.Images(tag)
                ]
                for tag in tags[ea.IMAGES]
            },
            "histograms": {
                tag: [[e.step, e.wall_time, histogram(e.histogram_value)] for e in reader.Histograms(tag)]
                for tag in tags[ea.HISTOGRAMS]
            },
        }
    )
)
