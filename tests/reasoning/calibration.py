"""What a calibration of the fake model with a single trunk may say."""

from anytime_server.controller import Calibration, Conditions
from anytime_server.controller.risk import Side, Signal
from fakes import MARKERS

CONDITIONS = Conditions(
    model="fake-model",
    open=MARKERS.open,
    close=MARKERS.close,
    closing=MARKERS.closing,
    cue=MARKERS.cue,
    temperature=0.0,
    top_p=1.0,
    top_k=0,
    min_p=0.0,
    interim_samples=1,
    interim_temperature=0.0,
    interim_max_tokens=8,
    budget=60,
    checkpoints=(10, 20, 30, 40, 50),
)
CALIBRATION = Calibration(
    CONDITIONS, "sums", 400, 0.05, Side(Signal.STABLE, (2.5,) * 99), Side(Signal.UNSETTLED, (29.5,) * 99)
)
