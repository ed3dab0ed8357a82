"""What does a network do on video, frame by frame and layer by layer, if only changes are computed?

    python examples/operations_on_video.py MODEL clip.mp4 [another.mpg ...] --out FOLDER

Runs a network over clips under the three executions and writes operations.csv (one row per clip, execution, layer and
frame) and operations.html. Frames are scaled and cropped to what the network takes; --step 1 for networks that take
codes of 0 to 255 as such, as the one of examples/convert_squeezenet.py does.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

import hwsim
from hwsim.datasets import load_video

EXECUTIONS = {"dense": "#999999", "sparse": "#0072B2", "delta": "#D55E00"}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("network", help="a model folder, or the name of a network")
    parser.add_argument("clips", nargs="+", type=Path, help="video files")
    parser.add_argument("--out", type=Path, default=Path("operations"), help="folder to write")
    parser.add_argument("--frames", type=int, help="only the first so many of each clip")
    parser.add_argument("--step", type=float, default=1.0, help="real value of one of a pixel's 256 levels")
    arguments = parser.parse_args()
    network = hwsim.load_network(arguments.network)
    table = pd.concat(
        [operations(network, clip, arguments.frames, arguments.step) for clip in arguments.clips], ignore_index=True
    )
    arguments.out.mkdir(parents=True, exist_ok=True)
    table.to_csv(arguments.out / "operations.csv", index=False)
    figure(table, network.name).write_html(arguments.out / "operations.html", include_plotlyjs=True)
    print_summary(table)
    print(f"wrote {arguments.out}/operations.csv and {arguments.out}/operations.html")


def operations(network, clip, n_frame, step):
    """Synaptic operations of every layer and frame of a clip, under each execution; and whether outputs agree."""
    channels, *size = network.input_shape
    data = load_video(clip, size=tuple(size), colour=channels == 3, frames=n_frame, step=step)
    rows, predictions = [], {}
    for execution in EXECUTIONS:
        run = hwsim.simulate(network, data, execution, per_frame=True)
        predictions[execution] = run.predictions
        for connection in run.activity.connections:
            histogram = connection.histogram
            n_operation = np.zeros(len(data), np.int64)
            np.add.at(n_operation, histogram.group, histogram.n_operation)
            rows.append(
                pd.DataFrame(
                    {
                        "clip": clip.name,
                        "execution": execution,
                        "layer": connection.layer,
                        "frame": np.arange(len(data)),
                        "synaptic operations": n_operation,
                    }
                )
            )
    agree = np.mean(predictions["delta"] == predictions["dense"])
    print(f"{clip.name}: {len(data)} frames; delta predicts as dense does on {agree:.2%} of them")
    return pd.concat(rows)


def print_summary(table):
    """Operations per frame by layer, and what of the dense ones is left."""
    per_frame = table.groupby(["clip", "layer", "execution"], sort=False)["synaptic operations"].mean().unstack()
    for clip, layers in per_frame.groupby(level="clip", sort=False):
        shown = layers.droplevel("clip")[list(EXECUTIONS)]
        shown.loc["all layers"] = shown.sum()
        shown["delta of dense [%]"] = 100 * shown["delta"] / shown["dense"]
        print(f"\n{clip}: synaptic operations per frame, the first one included")
        print(shown.map("{:,.1f}".format).to_string())


def figure(table, name):
    """Per clip: operations of each frame, and the mean of each layer."""
    clips = list(dict.fromkeys(table["clip"]))
    titles = [title for clip in clips for title in (f"{clip}, frame by frame", "mean of a frame, layer by layer")]
    page = make_subplots(rows=len(clips), cols=2, subplot_titles=titles, horizontal_spacing=0.08)
    for row, clip in enumerate(clips, start=1):
        for execution, color in EXECUTIONS.items():
            here = table[(table["clip"] == clip) & (table["execution"] == execution)]
            by_frame = here.groupby("frame")["synaptic operations"].sum()
            by_layer = here.groupby("layer", sort=False)["synaptic operations"].mean()
            looks = {"name": execution, "legendgroup": execution, "showlegend": row == 1}
            line = go.Scatter(x=by_frame.index, y=by_frame, mode="lines", line_color=color, **looks)
            bars = go.Bar(x=by_layer.index, y=by_layer, marker_color=color, **(looks | {"showlegend": False}))
            page.add_trace(line, row=row, col=1)
            page.add_trace(bars, row=row, col=2)
        page.update_xaxes(title_text="frame", row=row, col=1)
        page.update_yaxes(title_text="synaptic operations", rangemode="tozero", row=row, col=1)
    total = table.groupby(["execution", "clip"])["synaptic operations"].sum()
    left = ", ".join(f"{total['delta', clip] / total['dense', clip]:.0%} on {clip}" for clip in clips)
    page.update_layout(
        title=f"{name}: of all synaptic operations, computing only changes leaves {left}",
        height=430 * len(clips),
        template="plotly_white",
        barmode="group",
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 1, "xanchor": "right"},
    )
    return page


if __name__ == "__main__":
    main()
